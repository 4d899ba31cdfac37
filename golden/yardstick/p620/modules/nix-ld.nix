{
  config,
  lib,
  pkgs,
  ...
}:
{

  programs.nix-ld = {
    enable = true;
    libraries =
      [ ]
      ++ [
        pkgs.expat
        pkgs.glib
        pkgs.icu
        pkgs.ncurses
      ]
      ++ [
        pkgs.alsa-lib
        pkgs.at-spi2-core
        pkgs.cairo
        pkgs.cups
        pkgs.dbus
        pkgs.fontconfig
        pkgs.freetype
        pkgs.gdk-pixbuf
        pkgs.gtk3
        pkgs.libdrm
        pkgs.libgbm
        pkgs.libGL
        pkgs.libx11
        pkgs.libxcb
        pkgs.libxcomposite
        pkgs.libxdamage
        pkgs.libxext
        pkgs.libxfixes
        pkgs.libxkbcommon
        pkgs.libxrandr
        pkgs.nspr
        pkgs.nss
        pkgs.pango
        pkgs.vulkan-loader
        pkgs.wayland
      ];
  };
}

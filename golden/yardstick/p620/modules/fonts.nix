{
  config,
  lib,
  pkgs,
  ...
}:
{

  fonts = {
    enableDefaultPackages = lib.mkDefault true;
    packages = ([
      (pkgs.noto-fonts)
      (pkgs.noto-fonts-cjk-sans)
      (pkgs.liberation_ttf)
      (pkgs.inter)
    ])
    ++ [ (pkgs.noto-fonts-color-emoji) ]
    ++ map (name: pkgs.nerd-fonts.${name}) [ "jetbrains-mono" ];
    fontconfig = {
      defaultFonts = {
        serif = [ "Noto Serif" ];
        sansSerif = [
          "Inter"
          "Noto Sans"
        ];
        monospace = [ "JetBrainsMono Nerd Font" ];
        emoji = [ "Noto Color Emoji" ];
      };
      subpixel.rgba = "none";
      hinting.style = "slight";
    };
  };
}

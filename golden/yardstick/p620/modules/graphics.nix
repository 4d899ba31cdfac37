{
  config,
  lib,
  pkgs,
  ...
}:
{

  hardware.graphics = {
    enable = true;
    enable32Bit = true;
  };

  hardware.graphics = {
    extraPackages = [
      pkgs.libva-vdpau-driver
      pkgs.libvdpau-va-gl
    ];
    extraPackages32 = [
      pkgs.pkgsi686Linux.libva-vdpau-driver
      pkgs.pkgsi686Linux.libvdpau-va-gl
    ];
  };
}

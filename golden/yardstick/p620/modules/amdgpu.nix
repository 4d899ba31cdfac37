{
  config,
  lib,
  pkgs,
  ...
}:
{
  imports = [ ./graphics.nix ];

  hardware.amdgpu = {
    initrd.enable = true;
    legacySupport.enable = false;
    overdrive.enable = false;
  };

  services.lact.enable = false;

  hardware.amdgpu.opencl.enable = true;

  # HIP programs that were not built by Nix look there.
  systemd.tmpfiles.settings.rocm = {
    "/opt/rocm/hip"."L+".argument = "${pkgs.rocmPackages.clr}";
  };

  environment = {
    systemPackages = [
      pkgs.rocmPackages.rocm-smi
      pkgs.rocmPackages.rocminfo
    ];
  };
}

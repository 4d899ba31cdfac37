{
  config,
  lib,
  pkgs,
  ...
}:
{

  boot = {
    # Above hardware profiles that prefer a kernel by default, below what a template or a host says.
    kernelPackages = lib.mkOverride 950 (
      {
        lts = pkgs.linuxPackages;
        latest = if config.boot.zfs.enabled then pkgs.linuxPackages else pkgs.linuxPackages_latest;
        zen = pkgs.linuxPackages_zen;
        xanmod = pkgs.linuxPackages_xanmod;
      }
      .latest
    );
    kernelParams = [ ];
    kernel.sysctl = { };
    kernelModules = [ ];
    blacklistedKernelModules = [ ];
    extraModprobeConfig = lib.concatLines (
      lib.mapAttrsToList (module: options: "options ${module} ${options}") { }
    );
  };
}

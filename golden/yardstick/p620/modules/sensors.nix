{
  config,
  lib,
  pkgs,
  ...
}:
{

  environment.systemPackages = [ pkgs.lm_sensors ];
  boot = {
    kernelModules = [ "k10temp" ] ++ [ "drivetemp" ];
  };
}

{
  config,
  lib,
  pkgs,
  ...
}:
{

  security.apparmor = {
    enable = true;
    enableCache = true;
    killUnconfinedConfinables = false;
    packages = ([ (pkgs.apparmor-profiles) ]);
    policies = { };
  };

  services.dbus.apparmor = lib.mkDefault "enabled";
}

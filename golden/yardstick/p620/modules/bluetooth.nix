{ config, lib, ... }:
{

  hardware = {
    bluetooth = {
      enable = true;
      disabledPlugins = [ ];
      powerOnBoot = true;
      settings.General = {
        DiscoverableTimeout = 180;
        Experimental = true;
        FastConnectable = false;
        JustWorksRepairing = "confirm";
      };
    };
  };
}

{ config, lib, ... }:
{
  imports = [ ./portals.nix ];

  environment = {
    etc."xdg/baloofilerc".text = ''
      [Basic Settings]
      Indexing-Enabled=${lib.boolToString true}
    '';
    plasma6.excludePackages = [ ];
  };

  services = {
    desktopManager.plasma6 = {
      enable = true;
      enableQt5Integration = false;
    };
    orca.enable = true;
  };
}

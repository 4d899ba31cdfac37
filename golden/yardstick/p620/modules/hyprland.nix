{ config, lib, ... }:
{
  imports = [ ./portals.nix ];

  programs.hyprland = {
    enable = true;
    withUWSM = true;
    xwayland.enable = true;
  };

  security = {
    polkit.enable = true;
    # A screen locker cannot check passwords without it.
    pam.services.hyprlock = { };
  };

  services = lib.mkMerge [
    {
      gnome.gnome-keyring = {
        enable = true;
      };
    }
    ({
      gvfs.enable = true;
      udisks2.enable = true;
    })
  ];

  environment.sessionVariables = {
    NIXOS_OZONE_WL = "1";
  };
}

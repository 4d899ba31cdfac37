{ lib, ... }:
{
  boot.loader.systemd-boot.enable = true;
  boot.initrd.availableKernelModules = [ "ahci" ];
  networking.hostName = "store";
  services.fstrim.enable = lib.mkDefault true;
  nix.gc = {
    automatic = true;
    dates = "daily";
  };
  nix.settings.auto-optimise-store = true;
  system.stateVersion = "25.11";
}

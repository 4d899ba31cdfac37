{ lib, ... }:
{
  boot.loader.systemd-boot.enable = true;
  services.fstrim.enable = lib.mkDefault true;
  nix.gc = {
    automatic = true;
    dates = "daily";
  };
  nix.settings.auto-optimise-store = true;
  nix.settings.experimental-features = [
    "nix-command"
    "flakes"
  ];
  system.stateVersion = "25.11";
}

{ config, lib, pkgs, ... }:
{
  imports = [ ./hardware-configuration.nix ];

  boot.loader.systemd-boot.enable = true;
  boot.loader.efi.canTouchEfiVariables = true;

  # Sound comes from the desk.
  services.pipewire = {
    enable = true;
    pulse.enable = lib.mkDefault true;
  };
  environment.systemPackages = with pkgs; [ firefox python3Packages.requests ];
  environment.etc."desk/greeting".source = ./greeting.txt;
  environment.variables.EDITOR = lib.mkForce "hx";
  networking.firewall.extraCommands = lib.mkAfter "true";
  system.stateVersion = "25.11";
}

{ config, pkgs, ... }:
{
  imports = [
    ./hardware-configuration.nix
    ./desktop.nix
  ];

  boot.loader.systemd-boot.enable = true;
  boot.loader.efi.canTouchEfiVariables = true;

  networking.hostName = "laptop"; # Define your hostname.
  networking.networkmanager.enable = true;

  time.timeZone = "Europe/London";
  i18n.extraLocaleSettings.LC_TIME = "en_GB.UTF-8";

  users.users.bob = {
    isNormalUser = true;
    description = "Bob Example";
    extraGroups = [ "networkmanager" "wheel" ];
    shell = pkgs.zsh;
  };
  programs.zsh.enable = true;
  nixpkgs.config.allowUnfree = true;

  environment.systemPackages = with pkgs; [
    vim
    wget
    (python3.withPackages (ps: [ ps.numpy ]))
  ];
  system.stateVersion = "25.11";
}

{ pkgs, ... }:
{
  nixpkgs.hostPlatform = "x86_64-linux";
  boot.loader.grub.enable = false;
  boot.initrd.availableKernelModules = [ "ahci" ];
  fileSystems."/" = { device = "/dev/sda1"; fsType = "ext4"; };
  users.users.alice = {
    isNormalUser = true;
    shell = pkgs.fish;
    openssh.authorizedKeys.keys = [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBfwWh7OKSSSz8H+1bOQomCWfnNYZUQszqb2WeATgcLf alice@example" ];
  };
  programs.fish.enable = true;
  system.stateVersion = "25.11";
}

{ config, pkgs, ... }:
{
  users.users.alice = {
    description = "Alice Example";
    extraGroups = [
      "wheel"
      "networkmanager"
    ];
    hashedPasswordFile = config.age.secrets.user-password-alice.path;
    isNormalUser = true;
    openssh.authorizedKeys.keys = [
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBfwWh7OKSSSz8H+1bOQomCWfnNYZUQszqb2WeATgcLf alice@example"
    ];
    shell = pkgs.zsh;
    uid = 1000;
  };

  programs.zsh.enable = true;
}

{ config, pkgs, ... }:
{
  users.users.bob = {
    description = "Bob Example";
    hashedPasswordFile = config.age.secrets.user-password-bob.path;
    isNormalUser = true;
    openssh.authorizedKeys.keys = [
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILskBzLQvSt/gKEXm5gm9ed+xpSPvd1UFkHfDQRT5+FM bob@example"
    ];
    shell = pkgs.zsh;
    uid = 1001;
  };

  programs.zsh.enable = true;
}

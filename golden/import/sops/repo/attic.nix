{ config, ... }:
{
  networking.hostName = "attic";
  fileSystems."/" = {
    device = "/dev/sda1";
    fsType = "ext4";
  };
  sops.secrets.user-password-bob = {
    sopsFile = ./secrets/bob.yaml;
    neededForUsers = true;
  };
  users.users.bob = {
    isNormalUser = true;
    hashedPasswordFile = config.sops.secrets.user-password-bob.path;
  };
  # Encrypted for another host.
  sops.secrets.stray.sopsFile = ./secrets/stray.yaml;
  services.restic.backups.home = {
    passwordFile = config.sops.secrets.stray.path;
    repository = "/srv/backup";
    paths = [ "/home" ];
  };
}

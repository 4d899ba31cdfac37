{ config, ... }:
{
  boot.loader.grub.device = "/dev/sda";
  boot.initrd.availableKernelModules = [ "ahci" ];
  fileSystems."/" = { device = "/dev/sda1"; fsType = "ext4"; };
  networking.hostName = "vault";
  age.secrets.restic-password = {
    file = ./secrets/restic-password.age;
    owner = "backup";
    mode = "0400";
  };
  age.secrets.computed.file = ./secrets/computed.age;
  services.restic.backups.home = {
    passwordFile = config.age.secrets.restic-password.path;
    repository = "/srv/backup";
    paths = [ "/home" ];
  };
  systemd.services.reader.script = "cat ${config.age.secrets.computed.path}";
  users.users.backup = { isSystemUser = true; group = "backup"; };
  users.groups.backup = { };
  system.stateVersion = "25.11";
}

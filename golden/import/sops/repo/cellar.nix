{ config, ... }:
{
  networking.hostName = "cellar";
  fileSystems."/" = {
    device = "/dev/sda1";
    fsType = "ext4";
  };
  sops.defaultSopsFile = ./secrets/all.yaml;
  sops.age.sshKeyPaths = [ "/etc/ssh/ssh_host_ed25519_key" ];
  sops.secrets = {
    # A file of its own.
    wireguard-key-chicago = {
      sopsFile = ./secrets/wireguard.yaml;
      owner = "systemd-network";
      mode = "0400";
      restartUnits = [ "systemd-networkd.service" ];
    };
    # In the file of all.
    mail-password = { };
    # Used by code.
    token.sopsFile = ./secrets/wireguard.yaml;
    # Called otherwise in its file.
    other = {
      sopsFile = ./secrets/wireguard.yaml;
      key = "wireguard-key-chicago";
    };
    # No YAML.
    blob = {
      sopsFile = ./secrets/blob.bin;
      format = "binary";
    };
  };
  networking.wireguard.interfaces.wg0.privateKeyFile = config.sops.secrets.wireguard-key-chicago.path;
  services.restic.backups.home = {
    passwordFile = config.sops.secrets.mail-password.path;
    environmentFile = config.sops.secrets.other.path;
    rcloneConfigFile = config.sops.secrets.blob.path;
    repository = "/srv/backup";
    paths = [ "/home" ];
  };
  systemd.services.reader.script = "cat ${config.sops.secrets.token.path}";
}

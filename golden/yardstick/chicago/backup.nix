# Homes and repositories, twice a day, to a share that is mounted when it is looked into.
{ config, pkgs, ... }:
{
  boot.supportedFilesystems.nfs = true;

  fileSystems."/mnt/backup" = {
    device = "nas.lab.example.org:/export/backup";
    fsType = "nfs";
    options = [
      "nfsvers=4.2"
      "noauto"
      "nofail"
      "_netdev"
      "noatime"
      "x-systemd.automount"
      "x-systemd.idle-timeout=10m"
      "x-systemd.mount-timeout=30s"
    ];
  };

  services.restic.backups.main = {
    initialize = true;
    repository = "/mnt/backup/chicago";
    passwordFile = config.sops.secrets.restic-password.path;
    paths = [
      "/home"
      "/var/lib/forgejo"
    ];
    exclude = [
      "/home/*/.cache"
      "/home/*/.local/share/Trash"
      "/home/*/.thumbnails"
      "/home/*/.npm"
      "/home/*/.cargo/registry"
      "/home/*/.rustup"
      "/home/*/Downloads/*.iso"
      "/home/*/Downloads/*.img"
      "/home/*/Downloads/*.qcow2"
      "node_modules"
      ".venv"
      "__pycache__"
    ];
    extraBackupArgs = [
      "--exclude-caches"
      "--one-file-system"
    ];
    backupPrepareCommand = ''
      #!${pkgs.runtimeShell}
      set -euo pipefail
      ${pkgs.coreutils}/bin/install -d -m 0700 /mnt/backup/chicago

    '';
    pruneOpts = [
      "--keep-daily 7"
      "--keep-weekly 4"
      "--keep-monthly 6"
      "--keep-yearly 1"
    ];
    runCheck = true;
    timerConfig = {
      OnCalendar = [
        "03:00"
        "15:00"
      ];
      Persistent = true;
      RandomizedDelaySec = "10m";
    };
  };

  systemd.services.restic-backups-main = {
    unitConfig.RequiresMountsFor = [ "/mnt/backup" ];
    serviceConfig = {
      CPUSchedulingPolicy = "idle";
      IOSchedulingClass = "idle";
      CapabilityBoundingSet = [
        "CAP_DAC_OVERRIDE"
        "CAP_DAC_READ_SEARCH"
      ];
      LockPersonality = true;
      NoNewPrivileges = true;
      PrivateDevices = true;
      ProtectClock = true;
      ProtectControlGroups = true;
      ProtectHome = "read-only";
      ProtectHostname = true;
      ProtectKernelLogs = true;
      ProtectKernelModules = true;
      ProtectKernelTunables = true;
      ProtectSystem = "full";
      RestrictNamespaces = true;
      RestrictRealtime = true;
      RestrictSUIDSGID = true;
      SystemCallArchitectures = "native";
      UMask = "0077";
    };
  };
}

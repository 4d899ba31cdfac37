# Homes and repositories, twice a day, to a share that is mounted when it is looked into.
{
  config,
  lib,
  pkgs,
  root,
  ...
}:
let
  restore = pkgs.callPackage (root + "/pkgs/backup-restore") { };
  hardening = {
    CPUSchedulingPolicy = "idle";
    IOSchedulingClass = "idle";
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
    RestrictNamespaces = true;
    RestrictRealtime = true;
    RestrictSUIDSGID = true;
    SystemCallArchitectures = "native";
    UMask = "0077";
  };
in
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

  environment.systemPackages = [
    (pkgs.writeShellScriptBin "backup-restore" ''
      RESTIC=''${RESTIC:-restic-main} exec ${lib.getExe restore} "$@"
    '')
  ];

  systemd.services = {
    restic-backups-main = {
      unitConfig.RequiresMountsFor = [ "/mnt/backup" ];
      serviceConfig = hardening // {
        CapabilityBoundingSet = [
          "CAP_DAC_OVERRIDE"
          "CAP_DAC_READ_SEARCH"
        ];
        ProtectSystem = "full";
      };
    };
    backup-restore-test = {
      description = "Test that files come back from the backup";
      startAt = "weekly";
      after = [ "restic-backups-main.service" ];
      path = [ config.programs.ssh.package ];
      unitConfig.RequiresMountsFor = [ "/mnt/backup" ];
      environment = {
        RESTIC_CACHE_DIR = "/var/cache/backup-restore-test";
        RESTIC_PASSWORD_FILE = config.sops.secrets.restic-password.path;
        RESTIC_REPOSITORY = "/mnt/backup/chicago";
      };
      serviceConfig = hardening // {
        Type = "oneshot";
        ExecStart = "${lib.getExe restore} test --sample 25 --max-age 48 --status /var/lib/backup-restore-test/status.json";
        CacheDirectory = "backup-restore-test";
        CapabilityBoundingSet = [
          "CAP_CHOWN"
          "CAP_DAC_OVERRIDE"
          "CAP_DAC_READ_SEARCH"
          "CAP_FOWNER"
        ];
        PrivateTmp = true;
        ProtectSystem = "strict";
        ReadWritePaths = [ "-/mnt/backup/chicago" ];
        StateDirectory = "backup-restore-test";
      };
    };
  };

  systemd.timers.backup-restore-test.timerConfig = {
    Persistent = true;
    RandomizedDelaySec = "1h";
  };
}

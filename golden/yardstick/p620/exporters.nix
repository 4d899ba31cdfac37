{
  config,
  lib,
  pkgs,
  root,
  ...
}:
{
  services.prometheus.exporters = {
    node = {
      enable = true;
      enabledCollectors = [
        "systemd"
        "processes"
        "pressure"
        "textfile"
        "drm"
      ];
      disabledCollectors = [
        "arp"
        "ipvs"
        "rapl"
      ];
      extraFlags = [ "--collector.textfile.directory=/var/lib/prometheus-node-exporter" ];
    };
    systemd = {
      enable = true;
      port = 9102;
      extraFlags = [
        "--systemd.collector.unit-include='.+[.](service|timer|mount|socket)'"
        "--systemd.collector.unit-exclude='.+[.](device|scope|slice)'"
        "--systemd.collector.enable-restart-count"
      ];
    };
  };

  systemd.tmpfiles.settings.node-exporter."/var/lib/prometheus-node-exporter".d = {
    user = "root";
    group = "node-exporter";
    mode = "0775";
  };

  environment.systemPackages = [
    (pkgs.callPackage (root + "/pkgs/monitoring-status") {
      statusOf = "node-exporter";
      url = "http://127.0.0.1:9100";
    })
  ];

  systemd.services.nixos-exporter = {
    description = "Metrics of NixOS for Prometheus";
    wantedBy = [ "multi-user.target" ];
    after = [ "network.target" ];
    serviceConfig = {
      ExecStart = lib.escapeShellArgs (
        [
          (lib.getExe (pkgs.callPackage (root + "/pkgs/nixos-exporter") { }))
          "--address=0.0.0.0"
          "--port=9101"
          "--state=/var/lib/nixos-exporter"
          "--store-interval=300"
        ]
        ++ lib.mapAttrsToList (
          name: secret: "--secret=${name}=${secret.file}=${secret.path}"
        ) config.age.secrets
      );
      Restart = "on-failure";
      RestartSec = 10;

      DynamicUser = true;
      StateDirectory = "nixos-exporter";
      StateDirectoryMode = "0700";
      UMask = "0077";

      CapabilityBoundingSet = "";
      LockPersonality = true;
      MemoryDenyWriteExecute = true;
      NoNewPrivileges = true;
      PrivateDevices = true;
      PrivateTmp = true;
      PrivateUsers = true;
      ProcSubset = "pid";
      ProtectClock = true;
      ProtectControlGroups = true;
      ProtectHome = true;
      ProtectHostname = true;
      ProtectKernelLogs = true;
      ProtectKernelModules = true;
      ProtectKernelTunables = true;
      ProtectProc = "invisible";
      ProtectSystem = "strict";
      RestrictAddressFamilies = [
        "AF_INET"
        "AF_INET6"
      ];
      RestrictNamespaces = true;
      RestrictRealtime = true;
      RestrictSUIDSGID = true;
      SystemCallArchitectures = "native";
      SystemCallFilter = [
        "@system-service"
        "~@privileged @resources"
      ];
    };
  };
}

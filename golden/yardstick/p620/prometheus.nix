{
  lib,
  pkgs,
  root,
  ...
}:
let
  hosts = {
    hp = "10.0.0.60";
    p510 = "10.0.0.30";
    p620 = "10.0.0.10";
    razer = "10.0.0.20";
    samsung = "10.0.0.40";
  };

  job = name: port: targets: {
    job_name = name;
    metrics_path = "/metrics";
    static_configs = lib.mapAttrsToList (host: address: {
      targets = [ "${address}:${toString port}" ];
      labels = {
        inherit host;
        job = name;
      };
    }) targets;
  };

  status = pkgs.callPackage (root + "/pkgs/monitoring-status") {
    statusOf = "prometheus";
    url = "http://127.0.0.1:9090";
  };
in
{
  services.prometheus = {
    enable = true;
    enableReload = true;
    port = 9090;
    listenAddress = "0.0.0.0";
    retentionTime = "30d";
    globalConfig = {
      scrape_interval = "15s";
      evaluation_interval = "15s";
    };
    scrapeConfigs = [
      (job "alertmanager" 9093 { inherit (hosts) p620; })
      (job "grafana" 3001 { inherit (hosts) p620; })
      (job "loki" 3100 { inherit (hosts) p620; })
      (job "nixos" 9101 hosts)
      (job "node" 9100 hosts)
      (job "nvidia-gpu" 9835 { inherit (hosts) p510; })
      (job "nzbget" 9103 { inherit (hosts) p510; })
      (job "plex" 9104 { inherit (hosts) p510; })
      (job "prometheus" 9090 { inherit (hosts) p620; })
      (job "systemd" 9102 hosts)
    ];
    ruleFiles = [ (pkgs.callPackage (root + "/pkgs/fleet-alerts") { }) ];
    alertmanagers = [
      { static_configs = [ { targets = [ "127.0.0.1:9093" ]; } ]; }
    ];

    alertmanager = {
      enable = true;
      listenAddress = "0.0.0.0";
      # A single instance has no peers to gossip with.
      extraFlags = [ "--cluster.listen-address=" ];
      configuration = {
        route = {
          receiver = "nobody";
          group_by = [
            "alertname"
            "host"
          ];
          group_wait = "30s";
          group_interval = "5m";
          repeat_interval = "12h";
          routes = [ ];
        };
        # A host that is down says everything about its exporters and units.
        inhibit_rules = [
          {
            source_matchers = [ "alertname = HostDown" ];
            target_matchers = [ "alertname != HostDown" ];
            equal = [ "host" ];
          }
          {
            source_matchers = [ "alertname = DiskFull" ];
            target_matchers = [ "alertname =~ \"DiskLow|DiskFilling\"" ];
            equal = [
              "host"
              "mountpoint"
            ];
          }
        ];
        receivers = [ { name = "nobody"; } ];
      };
    };
  };

  environment.systemPackages = [ status ];
}

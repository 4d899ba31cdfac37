{
  services.prometheus.alertmanager = {
    enable = true;
    port = 9093;
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
}

{ pkgs, root, ... }:
let
  status = pkgs.callPackage (root + "/pkgs/monitoring-status") {
    statusOf = "node-exporter";
    url = "http://127.0.0.1:9100";
  };
in
{
  services.prometheus.exporters.node = {
    enable = true;
    port = 9100;
    listenAddress = "0.0.0.0";
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

  systemd.tmpfiles.settings.node-exporter."/var/lib/prometheus-node-exporter".d = {
    user = "root";
    group = "node-exporter";
    mode = "0775";
  };

  environment.systemPackages = [ status ];
}

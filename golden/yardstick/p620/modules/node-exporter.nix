{
  config,
  lib,
  pkgs,
  ...
}:
let

  status = pkgs.writeShellApplication {
    name = "node-exporter-status";
    runtimeInputs = [
      pkgs.curl
      pkgs.gnugrep
      pkgs.gnused
      pkgs.systemd
    ];
    text = ''
      url=http://127.0.0.1:9100/metrics
      printf 'Unit:        %s\n' "$(systemctl is-active prometheus-node-exporter.service || true)"
      if ! metrics=$(curl --fail --silent --show-error --max-time 10 "$url"); then
        echo "The exporter does not answer at $url" >&2
        exit 1
      fi
      printf 'Address:     %s\n' "$url"
      printf 'Samples:     %s\n' "$(grep --count --invert-match '^#' <<< "$metrics")"
      failed=$(sed -n 's/^node_scrape_collector_success{collector="\(.*\)"} 0$/\1/p' <<< "$metrics")
      if [ -n "$failed" ]; then
        printf 'Collectors without data:\n%s\n' "$failed"
      else
        echo 'Collectors:  all successful'
      fi
    '';
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
    ]
    ++ [ "textfile" ];
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

{
  config,
  lib,
  pkgs,
  ...
}:
let

  staticConfigs =
    port:
    lib.mapAttrsToList (
      name: address: {
        targets = [ "${if address == null then name else address}:${toString port}" ];
        labels.host = name;
      }
    );

  alert = name: expr: duration: severity: summary: {
    alert = name;
    inherit expr;
    for = duration;
    labels.severity = severity;
    annotations.summary = summary;
  };

  fileSystems = ''fstype!~"tmpfs|ramfs|overlay|squashfs|nfs.*|fuse.*"'';
  freePercent = "100 * node_filesystem_avail_bytes{${fileSystems}} / node_filesystem_size_bytes{${fileSystems}}";
  writable = "on (instance, mountpoint) node_filesystem_readonly{${fileSystems}} == 0";

  groups = [
    {
      name = "hosts";
      rules = [
        (alert "HostDown" ''up{job="node"} == 0'' "3m" "critical" "{{ $labels.host }} is down")
        (alert "ExporterDown" ''up{job!="node"} == 0 unless on (host) up{job="node"} == 0'' "3m" "warning"
          "{{ $labels.job }} at {{ $labels.instance }} does not answer"
        )
        (alert "MemoryLow" "100 * (1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes) > 90"
          "10m"
          "warning"
          "{{ $labels.host }} uses {{ $value | printf `%.0f` }} % of its memory"
        )
        (alert "OutOfMemoryKill" "increase(node_vmstat_oom_kill[10m]) > 0" "0m" "warning"
          "{{ $labels.host }} killed a process because memory ran out"
        )
      ];
    }
    {
      name = "disks";
      rules = [
        (alert "DiskLow" "(${freePercent} < 15) and ${writable}" "10m" "warning"
          "{{ $labels.mountpoint }} on {{ $labels.host }} has {{ $value | printf `%.1f` }} % left"
        )
        (alert "DiskFull" "(${freePercent} < 5) and ${writable}" "5m" "critical"
          "{{ $labels.mountpoint }} on {{ $labels.host }} has {{ $value | printf `%.1f` }} % left"
        )
        (alert "DiskFilling"
          "(predict_linear(node_filesystem_avail_bytes{${fileSystems}}[6h], 24 * 3600) < 0) and (${freePercent} < 40) and ${writable}"
          "1h"
          "warning"
          "{{ $labels.mountpoint }} on {{ $labels.host }} will be full within a day"
        )
        (alert "InodesLow"
          "(100 * node_filesystem_files_free{${fileSystems}} / node_filesystem_files{${fileSystems}} < 5) and ${writable}"
          "10m"
          "warning"
          "{{ $labels.mountpoint }} on {{ $labels.host }} runs out of inodes"
        )
      ];
    }
    {
      name = "units";
      rules = [
        (alert "UnitFailed" ''systemd_unit_state{state="failed"} == 1'' "5m" "warning"
          "{{ $labels.name }} failed on {{ $labels.host }}"
        )
        (alert "UnitRestarting" "increase(systemd_service_restart_total[30m]) > 5" "0m" "warning"
          "{{ $labels.name }} on {{ $labels.host }} keeps restarting"
        )
      ];
    }
    {
      name = "monitoring";
      rules = [
        (alert "RuleFailures" "increase(prometheus_rule_evaluation_failures_total[10m]) > 0" "5m" "warning"
          "Prometheus cannot evaluate {{ $labels.rule_group }}"
        )
        (alert "NotificationFailures" "increase(prometheus_notifications_errors_total[10m]) > 0" "10m"
          "critical"
          "Prometheus cannot reach {{ $labels.alertmanager }}"
        )
      ];
    }
  ];

  status = pkgs.writeShellApplication {
    name = "prometheus-status";
    runtimeInputs = [
      pkgs.curl
      pkgs.jq
      pkgs.systemd
      pkgs.util-linux
    ];
    text = ''
      url=http://127.0.0.1:9090
      fetch() {
        curl --fail --silent --show-error --max-time 10 "$url$1"
      }
      printf 'Unit:    %s\n' "$(systemctl is-active prometheus.service || true)"
      if ! fetch /-/ready > /dev/null; then
        echo "Prometheus is not ready at $url" >&2
        exit 1
      fi
      printf 'Address: %s\n\nTargets\n' "$url"
      targets=$(fetch '/api/v1/targets?state=active')
      jq --raw-output '
        .data.activeTargets | sort_by(.labels.job, .labels.host)[]
        | [.health, .labels.job, .labels.host // "-", .scrapeUrl, .lastError] | @tsv
      ' <<< "$targets" | column --table --separator "$(printf '\t')"
      printf '\nFiring alerts\n'
      alerts=$(fetch /api/v1/alerts)
      jq --raw-output '
        [.data.alerts[] | select(.state == "firing")]
        | if length == 0 then "none"
          else .[] | "\(.labels.severity // "-")\t\(.labels.alertname)\t\(.annotations.summary // "")"
          end
      ' <<< "$alerts"
      jq --exit-status 'all(.data.activeTargets[]; .health != "down")' <<< "$targets" > /dev/null
    '';
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
      {
        job_name = "prometheus";
        static_configs = [
          {
            targets = [ "127.0.0.1:9090" ];
            labels.host = config.networking.hostName;
          }
        ];
      }
      {
        job_name = "node";
        static_configs = staticConfigs 9100 ({
          hp = "10.0.0.60";
          p510 = "10.0.0.30";
          p620 = "10.0.0.10";
          razer = "10.0.0.20";
          samsung = "10.0.0.40";
        });
      }
      {
        job_name = "systemd";
        static_configs = staticConfigs 9102 ({
          hp = "10.0.0.60";
          p510 = "10.0.0.30";
          p620 = "10.0.0.10";
          razer = "10.0.0.20";
          samsung = "10.0.0.40";
        });
      }
    ]
    ++ map (exporter: {
      job_name = exporter.job;
      static_configs = staticConfigs exporter.port exporter.hosts;
    }) [ ]
    ++ map (extra: {
      job_name = extra.job;
      metrics_path = extra.path;
      static_configs = [ { inherit (extra) targets labels; } ];
    }) [ ];
    ruleFiles = [ (pkgs.writeText "fleet-rules.json" (builtins.toJSON { inherit groups; })) ];
    alertmanagers = [
      {
        static_configs = [ { targets = [ "127.0.0.1:9093" ]; } ];
      }
    ];
  };

  environment.systemPackages = [ status ];
}

# Alert rules of the fleet: thresholds → what Prometheus reads. Plain data, without nixpkgs, so that
# promtool can hold it.
{
  diskWarning,
  diskCritical,
  memoryWarning,
  downAfter,
  rebootDays,
  updateDays,
  secretDays,
  certificateDays,
  generations,
  storeWarning,
  extraRules,
}:

let
  alert = name: expr: duration: severity: summary: {
    alert = name;
    inherit expr;
    for = duration;
    labels = { inherit severity; };
    annotations = { inherit summary; };
  };
  days = number: toString (number * 86400);

  fileSystems = ''fstype!~"tmpfs|ramfs|overlay|squashfs|nfs.*|fuse.*"'';
  freePercent = "100 * node_filesystem_avail_bytes{${fileSystems}} / node_filesystem_size_bytes{${fileSystems}}";
  writable = "on (instance, mountpoint) node_filesystem_readonly{${fileSystems}} == 0";

  hosts = [
    (alert "HostDown" ''up{job="node"} == 0'' downAfter "critical" "{{ $labels.host }} is down")
    (alert "ExporterDown" ''up{job!="node"} == 0 unless on (host) up{job="node"} == 0'' downAfter
      "warning"
      "{{ $labels.job }} at {{ $labels.instance }} does not answer"
    )
    (alert "MemoryLow"
      "100 * (1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes) > ${toString memoryWarning}"
      "10m"
      "warning"
      "{{ $labels.host }} uses {{ $value | printf `%.0f` }} % of its memory"
    )
    (alert "OutOfMemoryKill" "increase(node_vmstat_oom_kill[10m]) > 0" "0m" "warning"
      "{{ $labels.host }} killed a process because memory ran out"
    )
  ];

  disks = [
    (alert "DiskLow" "(${freePercent} < ${toString diskWarning}) and ${writable}" "10m" "warning"
      "{{ $labels.mountpoint }} on {{ $labels.host }} has {{ $value | printf `%.1f` }} % left"
    )
    (alert "DiskFull" "(${freePercent} < ${toString diskCritical}) and ${writable}" "5m" "critical"
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

  units = [
    (alert "UnitFailed" ''systemd_unit_state{state="failed"} == 1'' "5m" "warning"
      "{{ $labels.name }} failed on {{ $labels.host }}"
    )
    (alert "UnitRestarting" "increase(systemd_service_restart_total[30m]) > 5" "0m" "warning"
      "{{ $labels.name }} on {{ $labels.host }} keeps restarting"
    )
  ];

  systems = [
    (alert "RebootNeeded" "nixos_reboot_required == 1" "${toString rebootDays}d" "info"
      "{{ $labels.host }} runs another kernel than its system has"
    )
    (alert "NotLatestGeneration" "nixos_system_is_latest == 0" "1d" "info"
      "{{ $labels.host }} does not run its latest generation"
    )
    (alert "SystemOld" "time() - nixos_nixpkgs_timestamp_seconds > ${days updateDays}" "1h" "warning"
      "The nixpkgs of {{ $labels.host }} is {{ $value | humanizeDuration }} old"
    )
    (alert "OldGenerations"
      ''nixos_profile_generations{profile="system"} > ${toString generations}''
      "1h"
      "info"
      "{{ $labels.host }} keeps {{ $value }} generations"
    )
    (alert "StoreLarge"
      "nixos_store_nar_bytes > ${toString storeWarning} * 1024 * 1024 * 1024"
      "1h"
      "info"
      "The store of {{ $labels.host }} holds {{ $value | humanize1024 }}B"
    )
  ];

  secrets = [
    (alert "SecretMissing" "nixos_secret_present == 0" "10m" "critical"
      "{{ $labels.secret }} was not decrypted on {{ $labels.host }}"
    )
    (alert "SecretOld" "time() - nixos_secret_timestamp_seconds > ${days secretDays}" "1h" "info"
      "{{ $labels.secret }} has not changed for {{ $value | humanizeDuration }}"
    )
    (alert "CertificateEnds"
      "nixos_certificate_not_after_timestamp_seconds - time() < ${days certificateDays}"
      "1h"
      "warning"
      "{{ $labels.path }} on {{ $labels.host }} ends in {{ $value | humanizeDuration }}"
    )
    (alert "CertificateUnreadable" "nixos_certificate_readable == 0" "1h" "warning"
      "{{ $labels.path }} on {{ $labels.host }} cannot be read as a certificate"
    )
  ];

  monitoring = [
    (alert "RuleFailures" "increase(prometheus_rule_evaluation_failures_total[10m]) > 0" "5m" "warning"
      "Prometheus cannot evaluate {{ $labels.rule_group }}"
    )
    (alert "NotificationFailures" "increase(prometheus_notifications_errors_total[10m]) > 0" "10m"
      "critical"
      "Prometheus cannot reach {{ $labels.alertmanager }}"
    )
    (alert "CollectorFails" "nixos_collector_success == 0" "15m" "warning"
      "The NixOS exporter of {{ $labels.host }} cannot read {{ $labels.collector }}"
    )
  ];

  extra = map (
    rule: alert rule.alert rule.expr rule.for rule.severity rule.summary
  ) extraRules;

  group = name: rules: { inherit name rules; };
in
{
  groups = [
    (group "hosts" hosts)
    (group "disks" disks)
    (group "units" units)
    (group "systems" systems)
    (group "secrets" secrets)
    (group "monitoring" monitoring)
  ]
  ++ (if extra == [ ] then [ ] else [ (group "extra" extra) ]);
}

{ config, lib, ... }:
let

  labels = {
    job = "systemd-journal";
    host = config.networking.hostName;
  };

  labelList = lib.concatStringsSep ", " (
    lib.mapAttrsToList (name: value: ''"${name}" = "${value}"'') labels
  );

  rules = lib.concatStrings (
    lib.mapAttrsToList
      (target: source: ''
        rule {
          source_labels = ["${source}"]
          target_label  = "${target}"
        }
      '')
      {
        unit = "__journal__systemd_unit";
        user_unit = "__journal__systemd_user_unit";
        level = "__journal_priority_keyword";
        transport = "__journal__transport";
        identifier = "__journal_syslog_identifier";
      }
  );
in
{

  services.alloy = {
    enable = true;
    extraFlags = [
      "--server.http.listen-addr=127.0.0.1:12345"
      "--disable-reporting"
    ];
  };

  environment.etc."alloy/config.alloy".text = ''
    loki.relabel "journal" {
      forward_to = []
    ${rules}}

    loki.source.journal "journal" {
      max_age       = "12h"
      relabel_rules = loki.relabel.journal.rules
      labels        = { ${labelList} }
      forward_to    = [loki.write.fleet.receiver]
    }

    loki.write "fleet" {
      endpoint {
        url = "http://127.0.0.1:3100/loki/api/v1/push"
      }
    }
  '';

  systemd.services.alloy.serviceConfig = {
    CapabilityBoundingSet = "";
    LockPersonality = true;
    PrivateDevices = true;
    ProtectClock = true;
    ProtectControlGroups = true;
    ProtectHome = true;
    ProtectHostname = true;
    ProtectKernelLogs = true;
    ProtectKernelModules = true;
    ProtectKernelTunables = true;
    RestrictNamespaces = true;
    RestrictRealtime = true;
    SystemCallArchitectures = "native";
    UMask = "0077";
  };
}

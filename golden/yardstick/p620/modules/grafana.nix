{
  config,
  lib,
  pkgs,
  ...
}:
let

  credentials = "/run/credentials/grafana.service";
  stateDir = config.services.grafana.dataDir;
  secretFile = name: file: "${if file == null then stateDir else credentials}/${name}";
  adminPassword = secretFile "admin-password" (config.age.secrets.grafana-admin-password.path);
  secretKey = secretFile "secret-key" null;
  generate = path: ''
    if [ ! -s ${path} ]; then
      (umask 077; od -An -N24 -tx1 /dev/urandom | tr -d ' \n' > ${path})
    fi
  '';
  interval = "15s";

  status = pkgs.writeShellApplication {
    name = "grafana-status";
    runtimeInputs = [
      pkgs.curl
      pkgs.jq
      pkgs.systemd
    ];
    text = ''
      url=http://127.0.0.1:3001
      printf 'Unit:     %s\n' "$(systemctl is-active grafana.service || true)"
      if ! health=$(curl --fail --silent --show-error --max-time 10 "$url/api/health"); then
        echo "Grafana does not answer at $url" >&2
        exit 1
      fi
      printf 'Address:  %s\n' "$url"
      jq --raw-output '"Version:  \(.version)\nDatabase: \(.database)"' <<< "$health"
      jq --exit-status '.database == "ok"' <<< "$health" > /dev/null
    '';
  };
in
{

  services.grafana = {
    enable = true;
    settings = lib.mkMerge [
      {
        server = {
          http_addr = "0.0.0.0";
          http_port = 3001;
          domain = "10.0.0.10";
        };
        security = {
          admin_user = "admin";
          admin_password = "$__file{${adminPassword}}";
          secret_key = "$__file{${secretKey}}";
          disable_gravatar = true;
          cookie_secure = lib.hasPrefix "https://" (toString null);
        };
        "auth.anonymous".enabled = false;
        users.allow_sign_up = false;
        analytics = {
          reporting_enabled = false;
          check_for_updates = false;
          check_for_plugin_updates = false;
        };
      }
      { }
    ];
    provision = {
      enable = true;
      datasources.settings = {
        prune = true;
        datasources = [
          {
            name = "Prometheus";
            uid = "prometheus";
            type = "prometheus";
            url = "http://127.0.0.1:9090";
            isDefault = true;
            jsonData.timeInterval = interval;
          }
        ]
        ++ [
          {
            name = "Loki";
            uid = "loki";
            type = "loki";
            url = "http://127.0.0.1:3100";
          }
        ];
      };
      dashboards.settings.providers = lib.imap1 (index: dir: {
        name = "fleet-${toString index}";
        allowUiUpdates = false;
        options = {
          path = dir;
          foldersFromFilesStructure = true;
        };
      }) [ ];
    };
  };

  systemd.services.grafana = {
    preStart = generate secretKey;
    serviceConfig.LoadCredential = [
      "admin-password:${config.age.secrets.grafana-admin-password.path}"
    ];
  };

  environment.systemPackages = [ status ];
}

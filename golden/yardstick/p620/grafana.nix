{
  config,
  pkgs,
  root,
  ...
}:
let
  secretKey = "${config.services.grafana.dataDir}/secret-key";
  dashboards = root + "/dashboards";

  status = pkgs.callPackage (root + "/pkgs/monitoring-status") {
    statusOf = "grafana";
    url = "http://127.0.0.1:3001";
  };
in
{
  services.grafana = {
    enable = true;
    settings = {
      server = {
        http_addr = "0.0.0.0";
        http_port = 3001;
        domain = "10.0.0.10";
      };
      security = {
        admin_user = "admin";
        admin_password = "$__file{/run/credentials/grafana.service/admin-password}";
        secret_key = "$__file{${secretKey}}";
        disable_gravatar = true;
        cookie_secure = false;
      };
      "auth.anonymous".enabled = false;
      users.allow_sign_up = false;
      analytics = {
        reporting_enabled = false;
        check_for_updates = false;
        check_for_plugin_updates = false;
      };
      dashboards.default_home_dashboard_path = "${dashboards}/fleet.json";
    };
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
            jsonData.timeInterval = "15s";
          }
          {
            name = "Loki";
            uid = "loki";
            type = "loki";
            url = "http://127.0.0.1:3100";
          }
        ];
      };
      dashboards.settings.providers = [
        {
          name = "fleet-1";
          allowUiUpdates = false;
          options = {
            path = "${dashboards}";
            foldersFromFilesStructure = true;
          };
        }
      ];
    };
  };

  systemd.services.grafana = {
    preStart = ''
      if [ ! -s ${secretKey} ]; then
        (umask 077; od -An -N24 -tx1 /dev/urandom | tr -d ' \n' > ${secretKey})
      fi
    '';
    serviceConfig.LoadCredential = [
      "admin-password:${config.age.secrets.grafana-admin-password.path}"
    ];
  };

  environment.systemPackages = [ status ];
}

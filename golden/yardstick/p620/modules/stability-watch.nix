{
  config,
  lib,
  pkgs,
  root,
  ...
}:
let

  watch = (pkgs.callPackage (root + "/pkgs/network-stability-watch") { });

  hardening = {
    CapabilityBoundingSet = [ "" ];
    LockPersonality = true;
    MemoryDenyWriteExecute = true;
    NoNewPrivileges = true;
    PrivateDevices = true;
    PrivateTmp = true;
    ProtectClock = true;
    ProtectControlGroups = true;
    ProtectHome = true;
    ProtectHostname = true;
    ProtectKernelLogs = true;
    ProtectKernelModules = true;
    ProtectKernelTunables = true;
    ProtectProc = "invisible";
    ProtectSystem = "strict";
    RestrictNamespaces = true;
    RestrictRealtime = true;
    RestrictSUIDSGID = true;
    SystemCallArchitectures = "native";
    SystemCallFilter = [ "@system-service" ];
    UMask = "0022";
  };
in
{

  systemd = {
    services = {
      network-stability-watch = {
        description = "Watch over the network connection";
        wantedBy = [ "multi-user.target" ];
        after = [ "network.target" ];
        environment = {
          WATCH_MINIMUM = toString 1;
          WATCH_INTERVAL = toString 30;
          WATCH_TIMEOUT = toString 5;
          WATCH_THRESHOLD = toString 4;
          WATCH_BACKOFF = toString 120;
          WATCH_BACKOFF_MAX = toString 3600;
          WATCH_UNIT = "NetworkManager.service";
        };
        serviceConfig = hardening // {
          ExecStart = lib.escapeShellArgs (
            [ (lib.getExe watch) ]
            ++ [
              "ping:1.1.1.1"
              "ping:9.9.9.9"
              "tcp:1.1.1.1:443"
            ]
          );
          DynamicUser = true;
          RuntimeDirectory = "network-stability-watch";
          # Removing the request would count as a change of it.
          RuntimeDirectoryPreserve = true;
          Restart = "always";
          RestartSec = 10;
          # For ping.
          AmbientCapabilities = [ "CAP_NET_RAW" ];
          CapabilityBoundingSet = [ "CAP_NET_RAW" ];
          RestrictAddressFamilies = [
            "AF_INET"
            "AF_INET6"
            "AF_NETLINK"
            "AF_UNIX"
          ];
        };
      };

      network-stability-restart = {
        description = "Restart ${toString "NetworkManager.service"} for the network";
        restartIfChanged = false;
        unitConfig.ConditionPathExists = "/run/network-stability-watch/restart";
        serviceConfig = hardening // {
          Type = "oneshot";
          ExecStart = lib.escapeShellArgs [
            "${config.systemd.package}/bin/systemctl"
            "restart"
            "--no-block"
            "NetworkManager.service"
          ];
          PrivateNetwork = true;
          RestrictAddressFamilies = [ "AF_UNIX" ];
        };
      };
    };

    # The watcher may only write this file; the restart happens on its behalf.
    paths.network-stability-restart = {
      description = "Requests to restart ${toString "NetworkManager.service"}";
      wantedBy = [ "multi-user.target" ];
      pathConfig.PathChanged = "/run/network-stability-watch/restart";
    };
  };
}

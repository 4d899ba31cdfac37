{
  config,
  lib,
  pkgs,
  root,
  ...
}:
let
  watch = pkgs.callPackage (root + "/pkgs/network-stability-watch") { };

  hardening = {
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
  networking = {
    modemmanager.enable = false;
    networkmanager = {
      enable = true;
      unmanaged = [ "interface-name:tailscale0" ];
      wifi.macAddress = "stable-ssid";
    };
    nftables.enable = true;
    firewall = {
      pingLimit = "10/second";
      checkReversePath = "strict";
      logRefusedConnections = false;
      interfaces = {
        enp1s0 = {
          allowedTCPPorts = [
            22 # ssh
            3001 # grafana
            3100 # loki
            5000 # binary cache
            8090 # open-webui
            9090 # prometheus
            9093 # alertmanager
            9100 # node exporter
            9101 # nixos exporter
            9102 # systemd exporter
            11434 # ollama
          ];
          allowedUDPPorts = [
            5353 # mdns
            41641 # tailscale
          ];
        };
        tailscale0.allowedTCPPorts = [ 22 ];
      };
    };
  };

  services = {
    avahi = {
      enable = true;
      allowInterfaces = [ "enp1s0" ];
      nssmdns4 = true;
      nssmdns6 = true;
      openFirewall = false;
    };

    resolved = {
      enable = true;
      settings.Resolve = {
        DNS = [
          "9.9.9.9#dns.quad9.net"
          "149.112.112.112#dns.quad9.net"
          "2620:fe::fe#dns.quad9.net"
          "2620:fe::9#dns.quad9.net"
        ];
        FallbackDNS = [
          "1.1.1.1#cloudflare-dns.com"
          "2606:4700:4700::1111#cloudflare-dns.com"
        ];
        Domains = [ "~." ];
        DNSOverTLS = "opportunistic";
        DNSSEC = "allow-downgrade";
        Cache = true;
        LLMNR = false;
        # Avahi answers.
        MulticastDNS = false;
      };
    };

    tailscale = {
      enable = true;
      authKeyFile = config.age.secrets.tailscale-auth-key.path;
      disableUpstreamLogging = true;
      # All of them each time, so that what is dropped here is dropped on the machine.
      extraSetFlags = [
        "--accept-dns=true"
        "--accept-routes=false"
        "--advertise-exit-node=false"
        "--advertise-routes="
        "--exit-node="
        "--exit-node-allow-lan-access=false"
        "--operator="
        "--ssh=false"
      ];
    };
  };

  systemd = {
    services = {
      NetworkManager-wait-online.enable = false;

      network-stability-watch = {
        description = "Watch over the network connection";
        wantedBy = [ "multi-user.target" ];
        after = [ "network.target" ];
        environment = {
          WATCH_MINIMUM = "1";
          WATCH_INTERVAL = "30";
          WATCH_TIMEOUT = "5";
          WATCH_THRESHOLD = "4";
          WATCH_BACKOFF = "120";
          WATCH_BACKOFF_MAX = "3600";
          WATCH_UNIT = "NetworkManager.service";
        };
        serviceConfig = hardening // {
          ExecStart = "${lib.getExe watch} ping:1.1.1.1 ping:9.9.9.9 tcp:1.1.1.1:443";
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
        description = "Restart NetworkManager.service for the network";
        restartIfChanged = false;
        unitConfig.ConditionPathExists = "/run/network-stability-watch/restart";
        serviceConfig = hardening // {
          Type = "oneshot";
          ExecStart = "${config.systemd.package}/bin/systemctl restart --no-block NetworkManager.service";
          CapabilityBoundingSet = [ "" ];
          PrivateNetwork = true;
          RestrictAddressFamilies = [ "AF_UNIX" ];
        };
      };
    };

    # The watcher may only write this file; the restart happens on its behalf.
    paths.network-stability-restart = {
      description = "Requests to restart NetworkManager.service";
      wantedBy = [ "multi-user.target" ];
      pathConfig.PathChanged = "/run/network-stability-watch/restart";
    };
  };
}

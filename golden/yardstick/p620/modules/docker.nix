{
  config,
  lib,
  pkgs,
  ...
}:
{

  virtualisation.docker = {
    enable = true;
    daemon.settings = {
      log-driver = "journald";
      live-restore = true;
      # The first is for the default network, the second for those that are made later.
      ip = "127.0.0.1";
      default-network-opts.bridge."com.docker.network.bridge.host_binding_ipv4" = "127.0.0.1";
    };
    autoPrune = {
      enable = true;
      dates = "weekly";
      randomizedDelaySec = "1h";
      flags = [
        "--filter=until=168h"
        "--all"
      ];
    };
  };

  environment.systemPackages = [ pkgs.docker-compose ];
}

{ config, lib, ... }:
{

  services.prometheus.exporters.systemd = {
    enable = true;
    port = 9102;
    listenAddress = "0.0.0.0";
    extraFlags = [
      "--systemd.collector.unit-include=${lib.escapeShellArg ".+[.](service|timer|mount|socket)"}"
      "--systemd.collector.unit-exclude=${lib.escapeShellArg ".+[.](device|scope|slice)"}"
    ]
    ++ [ "--systemd.collector.enable-restart-count" ];
  };
}

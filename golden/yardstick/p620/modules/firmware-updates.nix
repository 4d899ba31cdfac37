{ config, lib, ... }:
{

  services.fwupd = {
    enable = true;
    daemonSettings = {
      DisabledPlugins = [ ];
      P2pPolicy = "none";
    };
  };

  systemd.timers.fwupd-refresh = {
    enable = true;
    timerConfig = {
      OnCalendar = [
        ""
        "daily"
      ];
      Persistent = true;
      RandomizedDelaySec = "12h";
    };
  };
}

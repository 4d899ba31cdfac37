{ config, lib, ... }:
{

  services.fstrim = {
    enable = true;
    interval = "weekly";
  };

  systemd = {
    timers.fstrim.timerConfig = {
      RandomizedDelaySec = "6h";
      AccuracySec = "1min";
      Persistent = true;
    };
    services.fstrim = {
      # A catch-up run waits for the end of boot instead of boot waiting for it.
      after = [ "multi-user.target" ];
      restartIfChanged = false;
      serviceConfig = {
        IOSchedulingClass = "idle";
        CPUSchedulingPolicy = "idle";
        Nice = 19;
      };
    };
  };
}

{ config, lib, ... }:
let

  # journald counts in powers of 1024 and knows the one-letter suffixes only.
  size = lib.removeSuffix "iB";
in
{

  services.journald = {
    forwardToSyslog = false;
    rateLimitBurst = 10000;
    rateLimitInterval = "30s";
    storage = "persistent";
    extraConfig = ''
      SystemMaxUse=${size "1G"}
      SystemKeepFree=${size "1G"}
      RuntimeMaxUse=${size "128M"}
      MaxRetentionSec=30d
      MaxFileSec=1w
      ForwardToKMsg=no
      ForwardToConsole=no
      ForwardToWall=no
    '';
  };
}

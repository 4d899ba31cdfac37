{ config, lib, ... }:
let

  tests = [ "S/../.././02" ] ++ [ "L/../../7/04" ];
  limits = "${
    toString
      ({
        critical = 60;
        difference = 0;
        informal = 50;
      }).difference
  },${
    toString
      ({
        critical = 60;
        difference = 0;
        informal = 50;
      }).informal
  },${
    toString
      ({
        critical = 60;
        difference = 0;
        informal = 50;
      }).critical
  }";
in
{

  services.smartd = {
    enable = true;
    autodetect = true;
    devices = [ ];
    notifications = {
      systembus-notify.enable = true;
      wall.enable = true;
    };
  };

  services.smartd = {
    # `-n standby` leaves sleeping disks asleep, for at most 24 checks.
    defaults.monitored = lib.concatStringsSep " " (
      [
        "-a"
        "-o on"
        "-n standby,24,q"
        "-W ${limits}"
      ]
      ++ lib.optional (tests != [ ]) "-s (${lib.concatStringsSep "|" tests})"
    );
    notifications.mail = {
      enable = false;
      sender = "root";
    };
  };
}

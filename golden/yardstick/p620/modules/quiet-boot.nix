{ config, lib, ... }:
{

  boot = {
    consoleLogLevel = 3;
    initrd.verbose = false;
    kernelParams = [
      "quiet"
      "rd.systemd.show_status=auto"
      "rd.udev.log_level=3"
      "udev.log_level=3"
    ];
    plymouth = lib.mkMerge [
      { enable = true; }
      ({
        theme = "bgrt";
      })
    ];
  };
}

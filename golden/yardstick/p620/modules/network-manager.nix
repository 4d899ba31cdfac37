{ config, lib, ... }:
{

  networking = {
    modemmanager.enable = false;
    networkmanager = {
      enable = true;
      ethernet.macAddress = "preserve";
      plugins = [ ];
      unmanaged = [ ];
      wifi = {
        backend = "wpa_supplicant";
        macAddress = "stable-ssid";
        powersave = null;
        scanRandMacAddress = true;
      };
    };
  };

  systemd.services.NetworkManager-wait-online.enable = false;
}

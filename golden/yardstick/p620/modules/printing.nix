{ config, lib, ... }:
{
  imports = [ ./avahi.nix ];

  services = {
    ipp-usb.enable = false;
    printing = {
      enable = true;
      browsed.enable = false;
      browsing = false;
      defaultShared = false;
      drivers = [ ];
      listenAddresses = [ "localhost:631" ];
      startWhenNeeded = true;
      webInterface = true;
    };
  };
}

{ config, lib, ... }:
let

  publish = false;
in
{

  services.avahi = {
    enable = true;
    ipv6 = true;
    nssmdns4 = true;
    nssmdns6 = true;
    openFirewall = false;
    reflector = false;
  };

  services.avahi = {
    allowInterfaces = [ "enp1s0" ];
    # Defaults, since services that announce themselves insist.
    publish = {
      enable = lib.mkDefault publish;
      addresses = lib.mkDefault publish;
      userServices = lib.mkDefault false;
    };
  };
}

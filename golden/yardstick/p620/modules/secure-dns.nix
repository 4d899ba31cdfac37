{ config, lib, ... }:
{

  services.resolved.enable = true;

  services.resolved.settings.Resolve = {
    DNS = [
      "9.9.9.9#dns.quad9.net"
      "149.112.112.112#dns.quad9.net"
      "2620:fe::fe#dns.quad9.net"
      "2620:fe::9#dns.quad9.net"
    ];
    FallbackDNS = [
      "1.1.1.1#cloudflare-dns.com"
      "2606:4700:4700::1111#cloudflare-dns.com"
    ];
    Domains = [ "~." ] ++ config.networking.search;
    DNSOverTLS =
      {
        strict = true;
        opportunistic = "opportunistic";
        off = false;
      }
      .opportunistic;
    DNSSEC =
      {
        strict = true;
        allow-downgrade = "allow-downgrade";
        off = false;
      }
      .allow-downgrade;
    Cache = true;
    LLMNR = false;
    # One responder on the machine.
    MulticastDNS = if config.services.avahi.enable then false else "resolve";
  };
}

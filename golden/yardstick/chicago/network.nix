{ config, lib, ... }:
{
  networking = {
    useNetworkd = true;
    useDHCP = false;
    nftables.enable = true;
    firewall = {
      pingLimit = "10/second";
      checkReversePath = "strict";
      logRefusedConnections = false;
      interfaces = {
        ens18 = {
          allowedTCPPorts = [ 22 ];
          allowedUDPPorts = [ 51820 ];
        };
        wg0.allowedTCPPorts = [ 22 ];
      };
    };
    wireguard.interfaces.wg0 = {
      ips = [ "10.100.0.1/24" ];
      listenPort = 51820;
      privateKeyFile = config.sops.secrets.wireguard-key-chicago.path;
      peers = [
        {
          name = "yakima";
          publicKey = "i5sNNDj1/4MABTkGEy9rg3bKdPnwrKKCL4w6eL1hpj8=";
          allowedIPs = [ "10.100.0.10/32" ];
        }
      ];
    };
  };

  systemd.network = {
    networks."10-ens18" = {
      matchConfig.Name = "ens18";
      address = [ "10.1.0.20/24" ];
      gateway = [ "10.1.0.1" ];
      networkConfig = {
        DHCP = "no";
        DNS = [ "10.1.0.30" ];
        IPv6AcceptRA = "yes";
        IPv6PrivacyExtensions = "no";
      };
      dhcpV4Config.UseDNS = "yes";
      dhcpV6Config.UseDNS = "yes";
      ipv6AcceptRAConfig.UseDNS = "yes";
      linkConfig.RequiredForOnline = "yes";
    };
    wait-online.anyInterface = true;
  };

  programs.ssh.knownHosts = {
    boulder = {
      extraHostNames = [
        "10.1.0.30"
        "boulder.lab.example.org"
      ];
      publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOnmKaAaQydKFkOqC+pqD+iu4tH7MP5L+4a019w0qX4y";
    };
    chicago = {
      extraHostNames = [
        "10.1.0.20"
        "chicago.lab.example.org"
      ];
      publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOppWKKcNsyk1Y9xa8iBTChu1OpdwteAIYyFDcJ7aNqg";
    };
    yakima = {
      extraHostNames = [
        "10.1.0.10"
        "localhost"
        "yakima.lab.example.org"
      ];
      publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILWHJVewre3V2MKJa1z6mEk1x4EfiEQP+KIPsossoIKc";
    };
  };

  boot.kernel.sysctl = {
    "net.ipv4.conf.all.forwarding" = lib.mkDefault true;
    "net.ipv6.conf.all.forwarding" = lib.mkDefault true;
  };
}

{ config, lib, ... }:
let
  flag = name: value: "--${name}=${lib.boolToString value}";
in
{

  services.tailscale = {
    enable = true;
    port = 41641;
    authKeyFile = (config.age.secrets.tailscale-auth-key.path);
    interfaceName = "tailscale0";
    openFirewall = false;
    disableUpstreamLogging = true;
    # All of them each time, so that what the configuration drops is dropped on the machine.
    extraSetFlags = [
      (flag "accept-dns" true)
      (flag "accept-routes" false)
      (flag "advertise-exit-node" false)
      "--advertise-routes="
      "--exit-node="
      (flag "exit-node-allow-lan-access" false)
      "--operator="
      (flag "ssh" false)
    ];
  };

  # With resolved, MagicDNS is one more link with its own domains; without it the daemon overwrites
  # resolv.conf.
  services.resolved.enable = (lib.mkDefault true);

  networking = {
    networkmanager.unmanaged = [ "interface-name:tailscale0" ];
    firewall.interfaces.tailscale0 = {
      allowedTCPPorts = [ ];
      allowedUDPPorts = [ ];
    };
  };
}

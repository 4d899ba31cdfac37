# AMD workstation, primary AI host, monitoring server and binary cache.
{
  imports = [
    ./hardware.nix
    ./disk.nix
    ./grafana.nix
    ./ai.nix
    ./cache.nix
    ./guests.nix
    ./network.nix
    ./security.nix
    ./system.nix
    ./desktop.nix
    ./games.nix
    ./virtualization.nix
    ./exporters.nix
    ./alloy.nix
    ./loki.nix
    ./prometheus.nix
    ./users.nix
  ];

  networking = {
    hostName = "p620";
    domain = "example.org";
  };
  system.stateVersion = "25.11";
}

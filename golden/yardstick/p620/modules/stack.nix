{ config, lib, ... }:
{
  imports = [
    ./alertmanager.nix
    ./alloy.nix
    ./grafana.nix
    ./loki.nix
    ./nixos-exporter.nix
    ./node-exporter.nix
    ./prometheus.nix
    ./systemd-exporter.nix
  ];

}

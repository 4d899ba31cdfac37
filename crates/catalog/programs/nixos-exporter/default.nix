{ python3Packages, writers }:

writers.writePython3Bin "nixos-exporter" {
  libraries = [
    python3Packages.cryptography
    python3Packages.prometheus-client
  ];
  doCheck = false;
} (builtins.readFile ./nixos_exporter.py)

{ pkgs, ... }:
{
  virtualisation = {
    podman = {
      enable = true;
      dockerCompat = true;
      defaultNetwork.settings.dns_enabled = true;
      autoPrune = {
        enable = true;
        flags = [ "--all" ];
      };
    };
    containers.registries.search = [
      "docker.io"
      "quay.io"
      "ghcr.io"
    ];
  };

  environment.systemPackages = [ pkgs.podman-compose ];
}

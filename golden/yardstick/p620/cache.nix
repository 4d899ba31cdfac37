# Binary cache of the fleet.
{ config, ... }:
{
  services.harmonia.cache = {
    enable = true;
    settings = {
      bind = "[::]:5000";
      enable_compression = true;
      max_connection_rate = 256;
      priority = 50;
      workers = 4;
    };
    signKeyPaths = [ config.age.secrets.cache-signing-key.path ];
  };
}

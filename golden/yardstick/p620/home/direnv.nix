{ config, lib, ... }:
{

  programs.direnv = {
    enable = true;
    config = {
      global = {
        hide_env_diff = true;
        warn_timeout = "30s";
      };
      whitelist.prefix = [ ];
    };
    nix-direnv.enable = true;
    silent = false;
    stdlib = "";
  };
}

{ config, lib, ... }:
{

  programs.starship = {
    enable = true;
    presets = [ ];
    settings = lib.mkMerge [
      {
        add_newline = true;
        command_timeout = 800;
        kubernetes.disabled = true;
        directory = {
          truncation_length = lib.mkDefault 4;
          truncate_to_repo = lib.mkDefault true;
        };
        nix_shell.heuristic = lib.mkDefault true;
        cmd_duration.min_time = lib.mkDefault 2000;
      }
      { }
    ];
  };
}

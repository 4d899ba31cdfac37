{
  config,
  lib,
  pkgs,
  ...
}:
{

  programs.nix-index.enable = true;

  home.packages = [
    pkgs.nixfmt
  ]
  ++ [ pkgs.nixd ]

  ++ [
    pkgs.deadnix
    pkgs.statix
  ]
  ++ [
    pkgs.nix-diff
    pkgs.nix-output-monitor
    pkgs.nix-tree
    pkgs.nvd
  ]
  ++ [ pkgs.comma ];
}

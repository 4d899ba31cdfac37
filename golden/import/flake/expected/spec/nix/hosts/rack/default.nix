{ inputs, pkgs, ... }:
let
  port = 8080;
  motd = "rack ${toString port}";
in
{
  nix.registry.nixpkgs.flake = inputs.nixpkgs;
}

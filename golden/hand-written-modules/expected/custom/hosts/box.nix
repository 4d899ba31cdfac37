{ pkgs, ... }:
let
  # Formatting of files by hand is left alone.
  numbers = import ../nix/lib/numbers.nix;
in
{
  motd.text = "Welcome to box, number ${toString numbers.box}";
  environment.systemPackages = [pkgs.jq];
}

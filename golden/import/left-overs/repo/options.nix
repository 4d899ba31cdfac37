{ lib, ... }:
{
  imports = [ ./reached.nix ];
  options.odd.enable = lib.mkEnableOption "oddity";
}

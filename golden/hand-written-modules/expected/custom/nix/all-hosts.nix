{ lib, ... }:
{
  # Reached by relative path, so it is copied as well.
  imports = [ ./lib/motd.nix ];

  motd.text = lib.mkDefault "Welcome";
}

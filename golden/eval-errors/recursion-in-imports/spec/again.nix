{ config, lib, ... }:
{
  imports = lib.optional config.services.fwupd.enable ./more.nix;
}

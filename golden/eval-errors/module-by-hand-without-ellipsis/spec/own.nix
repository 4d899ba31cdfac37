{ lib, pkgs }:
{
  networking.domain = lib.mkDefault pkgs.system;
}

{ config, pkgs, ... }:
{
  nixpkgs.config.allowUnfree = true;
}

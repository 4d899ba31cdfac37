{ lib, ... }:
{
  networking.domain = lib.mkDefault domain;
}

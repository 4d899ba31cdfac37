{ config, lib, ... }:
{
  services.fwupd.enable = true;
}

{ config, lib, ... }:
{

  services.btrfs.autoScrub = {
    enable = true;
    interval = "monthly";
    limit = null;
  };
}

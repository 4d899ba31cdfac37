{ config, lib, ... }:
{

  zramSwap = {
    enable = true;
    algorithm = "zstd";
    memoryPercent = 50;
    priority = 100;
    writebackDevice = null;
  };

  boot.kernel.sysctl = {
    "vm.swappiness" = lib.mkDefault 180;
    # Reading ahead pays with disks, not with memory.
    "vm.page-cluster" = lib.mkDefault 0;
    "vm.watermark_boost_factor" = lib.mkDefault 0;
    "vm.watermark_scale_factor" = lib.mkDefault 125;
  };
}

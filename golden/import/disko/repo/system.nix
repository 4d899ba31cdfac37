# A disk with a boot, a swap and a root partition.
device: {
  inherit device;
  content = {
    type = "gpt";
    partitions = {
      ESP = {
        priority = 1;
        size = "512M";
        type = "EF00";
        content = {
          type = "filesystem";
          format = "vfat";
          mountpoint = "/boot";
          mountOptions = [ "umask=0077" ];
        };
      };
      swap = {
        priority = 2;
        size = "8G";
        content.type = "swap";
      };
      root = {
        size = "100%";
        content = {
          type = "filesystem";
          format = "ext4";
          mountpoint = "/";
          mountOptions = [ "defaults" ];
        };
      };
    };
  };
}

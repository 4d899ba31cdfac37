{
  networking.hostName = "pool";
  boot.initrd.availableKernelModules = [ "ahci" ];
  networking.hostId = "8425e349";

  disko.devices = {
    disk =
      let
        zfs = {
          size = "100%";
          content = {
            type = "zfs";
            pool = "tank";
          };
        };
      in
      {
        tank-1 = {
          type = "disk";
          device = "/dev/sda";
          content.type = "gpt";
          content.partitions = {
            inherit zfs;
            ESP = {
              size = "1G";
              type = "EF00";
              content = {
                type = "filesystem";
                format = "vfat";
                mountpoint = "/boot";
                mountOptions = [ "umask=0077" ];
              };
            };
          };
        };
        tank-2 = {
          type = "disk";
          device = "/dev/sdb";
          content.type = "gpt";
          content.partitions = { inherit zfs; };
        };
      };
    zpool.tank = {
      type = "zpool";
      mode = "mirror";
      options.ashift = "12";
      rootFsOptions = {
        acltype = "posixacl";
        atime = "off";
        compression = "zstd";
        mountpoint = "none";
        xattr = "sa";
      };
      datasets = {
        root = {
          type = "zfs_fs";
          mountpoint = "/";
          options.mountpoint = "legacy";
        };
        "root/nix" = {
          type = "zfs_fs";
          mountpoint = "/nix";
          options.mountpoint = "legacy";
        };
        keep = {
          type = "zfs_fs";
          options.mountpoint = "none";
        };
      };
    };
  };
}

{
  networking.hostName = "store";
  boot.initrd.availableKernelModules = [ "ahci" ];

  disko.devices = {
    # A file system that no layout has.
    disk.main = {
      type = "disk";
      device = "/dev/sda";
      content = {
        type = "gpt";
        partitions = {
          ESP = {
            size = "512M";
            type = "EF00";
            content = {
              type = "filesystem";
              format = "vfat";
              mountpoint = "/boot";
            };
          };
          root = {
            size = "100%";
            content = {
              type = "filesystem";
              format = "xfs";
              mountpoint = "/";
            };
          };
        };
      };
    };
    # A partition of another name.
    disk.films = {
      type = "disk";
      device = "/dev/sdb";
      content = {
        type = "gpt";
        partitions.films = {
          size = "100%";
          content = {
            type = "filesystem";
            format = "ext4";
            mountpoint = "/srv/films";
          };
        };
      };
    };
    disk.volumes = {
      type = "disk";
      device = "/dev/sdc";
      content = {
        type = "gpt";
        partitions.volumes = {
          size = "100%";
          content = {
            type = "lvm_pv";
            vg = "volumes";
          };
        };
      };
    };
    lvm_vg.volumes = {
      type = "lvm_vg";
      lvs.music = {
        size = "100%FREE";
        content = {
          type = "filesystem";
          format = "ext4";
          mountpoint = "/srv/music";
        };
      };
    };
    nodev."/tmp" = {
      fsType = "tmpfs";
      mountOptions = [ "size=2G" ];
    };
  };
}

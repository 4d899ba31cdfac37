let
  mountOptions = [
    "compress=zstd"
    "noatime"
  ];
  disk = name: device: content: {
    type = "disk";
    inherit device;
    content = {
      type = "gpt";
      partitions.luks = {
        size = "100%";
        content = {
          type = "luks";
          inherit name;
          settings.allowDiscards = true;
        }
        // content;
      };
    };
  };
in
{
  networking.hostName = "mirror";
  boot.initrd.availableKernelModules = [ "ahci" ];
  boot.loader.efi.efiSysMountPoint = "/boot/efi";

  disko.devices.disk.pair-1 = {
    type = "disk";
    device = "/dev/sda";
    content = {
      type = "gpt";
      partitions = {
        ESP = {
          size = "1G";
          type = "EF00";
          content = {
            type = "filesystem";
            format = "vfat";
            mountpoint = "/boot/efi";
            mountOptions = [ "umask=0077" ];
          };
        };
        luks = {
          size = "100%";
          content = {
            type = "luks";
            name = "crypt-pair-1";
            settings.allowDiscards = true;
          };
        };
      };
    };
  };
  disko.devices.disk.pair-2 = disk "crypt-pair-2" "/dev/sdb" {
    content = {
      type = "btrfs";
      extraArgs = [
        "-f"
        "-d"
        "raid1"
        "-m"
        "raid1"
        "/dev/mapper/crypt-pair-1"
      ];
      subvolumes = {
        "/root" = {
          mountpoint = "/";
          inherit mountOptions;
        };
        "/home" = {
          mountpoint = "/home";
          inherit mountOptions;
        };
        "/nix" = {
          mountpoint = "/nix";
          inherit mountOptions;
        };
        "/log" = {
          mountpoint = "/var/log";
          inherit mountOptions;
        };
      };
    };
  };
}

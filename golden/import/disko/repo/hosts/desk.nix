{ lib, ... }:
{
  networking.hostName = "desk";
  boot.initrd.availableKernelModules = [ "ahci" ];

  disko.devices.disk = {
    system = import ../system.nix "/dev/nvme0n1";
    scratch = {
      type = "disk";
      device = lib.mkDefault "/dev/sde";
      content = {
        type = "gpt";
        partitions.data = {
          type = "8300";
          size = "100%";
          content = {
            type = "filesystem";
            format = "ext4";
            mountpoint = "/srv/scratch";
            mountOptions = [
              "noatime"
              "nofail"
            ];
          };
        };
      };
    };
  };
}

{ config, lib, pkgs, modulesPath, ... }:
{
  imports = [ (modulesPath + "/profiles/qemu-guest.nix") ];

  boot.initrd.availableKernelModules = [ "ahci" "virtio_pci" "sr_mod" "virtio_blk" ];
  boot.kernelModules = [ "kvm-intel" ];

  fileSystems."/" = {
    device = "/dev/disk/by-uuid/11111111-2222-3333-4444-555555555555";
    fsType = "btrfs";
    options = [ "subvol=root" ];
  };
  boot.initrd.luks.devices."root".device = "/dev/disk/by-uuid/66666666-7777-8888-9999-000000000000";
  swapDevices = [ ];

  nixpkgs.hostPlatform = lib.mkDefault "x86_64-linux";
}

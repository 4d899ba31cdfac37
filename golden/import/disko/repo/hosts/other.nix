{
  networking.hostName = "other";
  boot.initrd.availableKernelModules = [ "ahci" ];

  # Called as the disk of `desk`, and not the same.
  disko.devices.disk.system = import ../system.nix "/dev/sda";
}

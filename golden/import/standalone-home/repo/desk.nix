{
  networking.hostName = "desk";
  boot.loader.systemd-boot.enable = true;
  boot.initrd.availableKernelModules = [ "ahci" ];
  nix.settings.experimental-features = [
    "nix-command"
    "flakes"
  ];
  nix.gc = {
    automatic = true;
    dates = "weekly";
  };
  fileSystems."/" = {
    device = "/dev/sda2";
    fsType = "ext4";
  };
  fileSystems."/boot" = {
    device = "/dev/sda1";
    fsType = "vfat";
  };
  users.users.alice.isNormalUser = true;
  users.users.bob.isNormalUser = true;
  system.stateVersion = "25.11";
}

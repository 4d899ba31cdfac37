# Server of the household, a virtual machine of Proxmox.
{ modulesPath, ... }:
{
  imports = [
    (modulesPath + "/profiles/qemu-guest.nix")
    ./alice.nix
    ./containers.nix
    ./backup.nix
    ./forgejo.nix
    ./network.nix
    ./secrets.nix
    ./security.nix
    ./system.nix
  ];

  networking = {
    hostName = "chicago";
    domain = "lab.example.org";
  };
  nixpkgs.hostPlatform = "x86_64-linux";
  system.stateVersion = "25.11";

  boot = {
    growPartition = true;
    kernelParams = [
      "console=tty0"
      "console=ttyS0,115200n8"
    ];
    loader.grub = {
      enable = true;
      device = "/dev/vda";
    };
  };

  fileSystems."/" = {
    device = "/dev/disk/by-label/nixos";
    fsType = "ext4";
    autoResize = true;
  };

  services.qemuGuest.enable = true;
}

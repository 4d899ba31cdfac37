{
  config,
  lib,
  pkgs,
  ...
}:
let

  tools = {
    process = [
      pkgs.htop
      pkgs.iotop-c
      pkgs.lsof
      pkgs.psmisc
      pkgs.strace
    ];
    disk = [
      pkgs.gptfdisk
      pkgs.hdparm
      pkgs.ncdu
      pkgs.nvme-cli
      pkgs.parted
      pkgs.smartmontools
    ];
    network = [
      pkgs.curl
      pkgs.dig
      pkgs.ethtool
      pkgs.iperf3
      pkgs.mtr
      pkgs.tcpdump
    ];
    hardware = [
      pkgs.dmidecode
      pkgs.pciutils
      pkgs.usbutils
    ];
    text = [
      pkgs.file
      pkgs.jq
      pkgs.ripgrep
      pkgs.tree
      pkgs.vim
    ];
    recovery = [
      pkgs.cryptsetup
      pkgs.ddrescue
      pkgs.rsync
      pkgs.testdisk
    ];
  };
in
{

  environment.systemPackages = lib.concatMap (group: tools.${group}) [
    "process"
    "disk"
    "network"
    "hardware"
    "text"
  ];
  # Above the editor that nixpkgs defaults to, below what a host or user says.
  environment.variables = {
    EDITOR = lib.mkOverride 950 "vim";
  };
}

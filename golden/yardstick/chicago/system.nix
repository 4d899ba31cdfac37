# What any server here has.
{ lib, pkgs, ... }:
{
  console.keyMap = "us";
  i18n.defaultLocale = "en_US.UTF-8";
  time.timeZone = "America/Los_Angeles";

  nix = {
    gc = {
      automatic = true;
      dates = "weekly";
      options = "--delete-older-than 30d";
    };
    settings = {
      auto-optimise-store = true;
      experimental-features = [
        "nix-command"
        "flakes"
      ];
      trusted-users = [ "@wheel" ];
    };
  };

  nixpkgs.config.allowUnfreePredicate =
    pkg:
    builtins.elem (lib.getName pkg) [
      "open-webui"
      "steam"
      "steam-unwrapped"
    ];

  environment = {
    systemPackages = [
      pkgs.htop
      pkgs.iotop-c
      pkgs.lsof
      pkgs.psmisc
      pkgs.strace
      pkgs.gptfdisk
      pkgs.hdparm
      pkgs.ncdu
      pkgs.nvme-cli
      pkgs.parted
      pkgs.smartmontools
      pkgs.curl
      pkgs.dig
      pkgs.ethtool
      pkgs.iperf3
      pkgs.mtr
      pkgs.tcpdump
      pkgs.dmidecode
      pkgs.pciutils
      pkgs.usbutils
      pkgs.file
      pkgs.jq
      pkgs.ripgrep
      pkgs.tree
      pkgs.vim
    ];
    variables.EDITOR = "vim";
  };

  # No screen, no desktop, no one to press a key.
  boot = {
    kernelParams = [
      "panic=30"
      "boot.panic_on_fail"
    ];
    tmp.cleanOnBoot = true;
  };

  documentation = {
    dev.enable = false;
    doc.enable = false;
    info.enable = false;
    man.cache.enable = false;
    nixos.enable = false;
  };

  fonts.fontconfig.enable = false;
  programs.command-not-found.enable = false;
  services.speechd.enable = false;

  xdg = {
    autostart.enable = false;
    icons.enable = false;
    menus.enable = false;
    mime.enable = false;
    sounds.enable = false;
  };

  services.journald = {
    storage = "persistent";
    extraConfig = ''
      SystemMaxUse=1G
      SystemKeepFree=1G
      RuntimeMaxUse=128M
      MaxRetentionSec=30d
      MaxFileSec=1w
      ForwardToKMsg=no
      ForwardToConsole=no
      ForwardToWall=no
    '';
  };

  systemd = {
    enableEmergencyMode = false;
    oomd = {
      enableUserSlices = true;
      settings.OOM = {
        DefaultMemoryPressureLimit = "60%";
        DefaultMemoryPressureDurationSec = "20s";
      };
    };
    slices.user.sliceConfig.ManagedOOMMemoryPressureLimit = "60%";
    targets = {
      sleep.enable = false;
      suspend.enable = false;
      hibernate.enable = false;
      hybrid-sleep.enable = false;
    };
    # Earlier than systemd's own file, so that these ages are the ones that count.
    tmpfiles.settings."00-tmp" = {
      "/tmp".q = {
        mode = "1777";
        age = "10d";
      };
      "/var/tmp".q = {
        mode = "1777";
        age = "30d";
      };
    };
  };
}

{ lib, pkgs, ... }:
{
  console.keyMap = "uk";
  i18n.defaultLocale = "en_GB.UTF-8";
  time.timeZone = "Europe/London";

  nix = {
    gc = {
      automatic = true;
      dates = "weekly";
      options = "--delete-older-than 30d";
    };
    settings = {
      auto-optimise-store = true;
      connect-timeout = 5;
      experimental-features = [
        "nix-command"
        "flakes"
      ];
      fallback = true;
      substituters = [
        "https://nix-community.cachix.org?priority=20"
        "http://p620.example.org:5000?priority=50"
      ];
      trusted-public-keys = [
        "nix-community.cachix.org-1:mB9FSh9qf2dCimDSUo8Zy7bkq5CX+/rkCWyvRCYg3Fs="
        "p620.example.org-1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
      ];
    };
  };

  nixpkgs.config.allowUnfreePredicate =
    pkg:
    builtins.elem (lib.getName pkg) [
      "open-webui"
      "steam"
      "steam-unwrapped"
      "unrar"
      "vscode"
    ];

  boot = {
    kernelPackages = pkgs.linuxPackages_latest;
    consoleLogLevel = 3;
    initrd.verbose = false;
    kernelParams = [
      "quiet"
      "rd.systemd.show_status=auto"
      "rd.udev.log_level=3"
      "udev.log_level=3"
    ];
    plymouth = {
      enable = true;
      theme = "bgrt";
    };
    extraModprobeConfig = "";
    tmp.cleanOnBoot = true;
    kernel.sysctl = {
      "vm.swappiness" = 180;
      # Reading ahead pays with disks, not with memory.
      "vm.page-cluster" = 0;
      "vm.watermark_boost_factor" = 0;
      "vm.watermark_scale_factor" = 125;
    };
  };

  zramSwap = {
    enable = true;
    priority = 100;
  };

  systemd = {
    oomd = {
      enableUserSlices = true;
      settings.OOM = {
        DefaultMemoryPressureLimit = "60%";
        DefaultMemoryPressureDurationSec = "20s";
      };
    };
    slices.user.sliceConfig.ManagedOOMMemoryPressureLimit = "60%";

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

    timers.fstrim.timerConfig = {
      RandomizedDelaySec = "6h";
      AccuracySec = "1min";
      Persistent = true;
    };
    services.fstrim = {
      # A catch-up run waits for the end of boot instead of boot waiting for it.
      after = [ "multi-user.target" ];
      restartIfChanged = false;
      serviceConfig = {
        IOSchedulingClass = "idle";
        CPUSchedulingPolicy = "idle";
        Nice = 19;
      };
    };
  };

  services = {
    btrfs.autoScrub.enable = true;
    fstrim.enable = true;
    journald = {
      rateLimitBurst = 10000;
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
  };

  programs = {
    command-not-found.enable = false;
    nix-index.enable = true;
    zsh.enable = true;

    # Programs that were not built for NixOS.
    appimage = {
      enable = true;
      binfmt = true;
    };
    nix-ld = {
      enable = true;
      libraries = [
        pkgs.expat
        pkgs.glib
        pkgs.icu
        pkgs.ncurses
        pkgs.alsa-lib
        pkgs.at-spi2-core
        pkgs.cairo
        pkgs.cups
        pkgs.dbus
        pkgs.fontconfig
        pkgs.freetype
        pkgs.gdk-pixbuf
        pkgs.gtk3
        pkgs.libdrm
        pkgs.libgbm
        pkgs.libGL
        pkgs.libx11
        pkgs.libxcb
        pkgs.libxcomposite
        pkgs.libxdamage
        pkgs.libxext
        pkgs.libxfixes
        pkgs.libxkbcommon
        pkgs.libxrandr
        pkgs.nspr
        pkgs.nss
        pkgs.pango
        pkgs.vulkan-loader
        pkgs.wayland
      ];
    };
  };

  environment = {
    variables.EDITOR = "vim";
    systemPackages = [
      pkgs.lm_sensors
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
  };
}

{ pkgs, ... }:
{
  nixpkgs.hostPlatform = "x86_64-linux";

  boot = {
    initrd.availableKernelModules = [
      "ahci"
      "nvme"
      "sd_mod"
      "usb_storage"
      "usbhid"
      "xhci_pci"
    ];
    kernelModules = [
      "kvm-amd"
      "k10temp"
      "drivetemp"
    ];
    loader = {
      efi.canTouchEfiVariables = true;
      systemd-boot.enable = true;
    };
  };

  hardware = {
    amdgpu = {
      initrd.enable = true;
      opencl.enable = true;
    };
    bluetooth = {
      enable = true;
      settings.General = {
        DiscoverableTimeout = 180;
        Experimental = true;
        FastConnectable = false;
        JustWorksRepairing = "confirm";
      };
    };
    cpu.amd.updateMicrocode = true;
    enableRedistributableFirmware = true;
    graphics = {
      enable = true;
      enable32Bit = true;
      extraPackages = [
        pkgs.libva-vdpau-driver
        pkgs.libvdpau-va-gl
      ];
      extraPackages32 = [
        pkgs.pkgsi686Linux.libva-vdpau-driver
        pkgs.pkgsi686Linux.libvdpau-va-gl
      ];
    };
  };

  # HIP programs that were not built by Nix look there.
  systemd.tmpfiles.settings.rocm."/opt/rocm/hip"."L+".argument = "${pkgs.rocmPackages.clr}";

  environment.systemPackages = [
    pkgs.rocmPackages.rocm-smi
    pkgs.rocmPackages.rocminfo
  ];

  services = {
    fwupd = {
      enable = true;
      daemonSettings = {
        DisabledPlugins = [ ];
        P2pPolicy = "none";
      };
    };
    ipp-usb.enable = false;
    printing = {
      enable = true;
      browsed.enable = false;
      browsing = false;
    };
    smartd = {
      enable = true;
      # `-n standby` leaves sleeping disks asleep, for at most 24 checks.
      defaults.monitored = "-a -o on -n standby,24,q -W 0,50,60 -s (S/../.././02|L/../../7/04)";
      notifications = {
        mail.enable = false;
        systembus-notify.enable = true;
      };
    };
  };

  systemd.timers.fwupd-refresh = {
    enable = true;
    timerConfig = {
      OnCalendar = [
        ""
        "daily"
      ];
      Persistent = true;
      RandomizedDelaySec = "12h";
    };
  };
}

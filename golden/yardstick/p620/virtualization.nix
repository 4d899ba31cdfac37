{ config, pkgs, ... }:
{
  virtualisation = {
    docker = {
      enable = true;
      daemon.settings = {
        log-driver = "journald";
        live-restore = true;
        # The first is for the default network, the second for those that are made later.
        ip = "127.0.0.1";
        default-network-opts.bridge."com.docker.network.bridge.host_binding_ipv4" = "127.0.0.1";
      };
      autoPrune = {
        enable = true;
        randomizedDelaySec = "1h";
        flags = [
          "--filter=until=168h"
          "--all"
        ];
      };
    };
    libvirtd = {
      enable = true;
      onBoot = "ignore";
      onShutdown = "shutdown";
      shutdownTimeout = 120;
      qemu = {
        package = pkgs.qemu_kvm;
        runAsRoot = false;
        swtpm.enable = true;
      };
    };
    spiceUSBRedirection.enable = true;
  };

  environment.systemPackages = [ pkgs.docker-compose ];
  programs.virt-manager.enable = true;

  # Guests get their address and names from the host.
  networking.firewall.interfaces.virbr0 = {
    allowedTCPPorts = [ 53 ];
    allowedUDPPorts = [
      53
      67
    ];
  };

  systemd.services.libvirt-default-network = {
    description = "Default network of libvirt";
    wantedBy = [ "multi-user.target" ];
    requires = [ "libvirtd.service" ];
    after = [ "libvirtd.service" ];
    path = [ config.virtualisation.libvirtd.package ];
    script = ''
      virsh --connect qemu:///system net-autostart default
      if ! grep --quiet --line-regexp default <<<"$(virsh --connect qemu:///system net-list --name)"; then
        virsh --connect qemu:///system net-start default
      fi
    '';
    serviceConfig = {
      Type = "oneshot";
      RemainAfterExit = true;
      # The daemon does the work; this only speaks to its socket.
      CapabilityBoundingSet = "";
      LockPersonality = true;
      MemoryDenyWriteExecute = true;
      NoNewPrivileges = true;
      PrivateDevices = true;
      PrivateNetwork = true;
      PrivateTmp = true;
      ProtectClock = true;
      ProtectControlGroups = true;
      ProtectHome = true;
      ProtectHostname = true;
      ProtectKernelLogs = true;
      ProtectKernelModules = true;
      ProtectKernelTunables = true;
      ProtectSystem = "strict";
      RestrictAddressFamilies = [ "AF_UNIX" ];
      RestrictNamespaces = true;
      RestrictRealtime = true;
      RestrictSUIDSGID = true;
      SystemCallArchitectures = "native";
      SystemCallFilter = [ "@system-service" ];
    };
  };
}

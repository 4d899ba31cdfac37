# AMD workstation, primary AI host, monitoring server and binary cache
{ root, self, ... }:
{
  imports = [
    ./hardware.nix
    ./workstation-nvme.nix
    ./fleet.nix
    ./workstation.nix
    ./modules/ollama.nix
    ./modules/open-webui.nix
    ./modules/amdgpu.nix
    ./modules/grafana.nix
    ./modules/binary-cache.nix
    ./modules/btrfs-scrub.nix
    ./users/alice.nix
    ./users/alice-here.nix
    ./users/bob.nix
    ./users/bob-here.nix
  ];

  networking.hostName = "p620";
  system.stateVersion = "25.11";

  age = {
    identityPaths = [ "/etc/ssh/ssh_host_ed25519_key" ];
    secrets = {
      api-anthropic = {
        file = root + "/secrets/api-anthropic.age";
        group = "ai";
        mode = "0440";
      };
      api-gemini = {
        file = root + "/secrets/api-gemini.age";
        group = "ai";
        mode = "0440";
      };
      api-openai = {
        file = root + "/secrets/api-openai.age";
        group = "ai";
        mode = "0440";
      };
      cache-signing-key.file = root + "/secrets/cache-signing-key.age";
      grafana-admin-password = {
        file = root + "/secrets/grafana-admin-password.age";
        owner = "grafana";
      };
      tailscale-auth-key.file = root + "/secrets/tailscale-auth-key.age";
      user-password-alice.file = root + "/secrets/user-password-alice.age";
      user-password-bob.file = root + "/secrets/user-password-bob.age";
    };
  };

  microvm.vms = {
    dev-vm = {
      evaluatedConfig = self.nixosConfigurations.dev-vm;
      restartIfChanged = true;
    };
    k3s-1 = {
      evaluatedConfig = self.nixosConfigurations.k3s-1;
      restartIfChanged = true;
    };
    k3s-2 = {
      evaluatedConfig = self.nixosConfigurations.k3s-2;
      restartIfChanged = true;
    };
  };

  networking = {
    bridges.br-k3s.interfaces = [ ];
    firewall.interfaces = {
      enp1s0 = {
        allowedTCPPorts = [
          # ai.ollama
          11434
          # ai.open-webui
          8090
          # monitoring.alertmanager
          9093
          # monitoring.grafana
          3001
          # monitoring.loki
          3100
          # monitoring.nixos-exporter
          9101
          # monitoring.node-exporter
          9100
          # monitoring.prometheus
          9090
          # monitoring.systemd-exporter
          9102
          # security.ssh-server
          22
          # services.binary-cache
          5000
        ];
        allowedUDPPorts = [
          # networking.avahi
          5353
          # networking.tailscale
          41641
        ];
      };
      tailscale0.allowedTCPPorts = [
        # security.ssh-server
        22
      ];
    };
    interfaces.br-k3s.ipv4.addresses = [
      {
        address = "10.20.0.1";
        prefixLength = 24;
      }
    ];
    nat = {
      enable = true;
      internalInterfaces = [ "br-k3s" ];
    };
    networkmanager.unmanaged = [
      "interface-name:br-k3s"
      "interface-name:vm-k3s-1"
      "interface-name:vm-k3s-2"
    ];
  };
}

{ lib, ... }:
{
  console.keyMap = "uk";
  i18n.defaultLocale = "en_GB.UTF-8";
  networking.domain = "example.org";

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
      "cuda_cccl"
      "cuda_compat"
      "cuda_cudart"
      "cuda_nvcc"
      "libcublas"
      "nvidia-kernel-modules"
      "nvidia-settings"
      "nvidia-x11"
      "open-webui"
      "plexmediaserver"
      "steam"
      "steam-unwrapped"
      "unrar"
      "vscode"
    ];

  programs.ssh.knownHosts = {
    hp = {
      extraHostNames = [
        "10.0.0.60"
        "hp.example.org"
      ];
      publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH+vhRs1g3iuyR4IaDhbYND1AU/qn5TDC10ZuI061ZhF";
    };
    p510 = {
      extraHostNames = [
        "10.0.0.30"
        "p510.example.org"
      ];
      publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFy/H0qQJbGAd5JcZtTfK8tpCPOLQfVUz+MM8pxSJBFX";
    };
    p620 = {
      extraHostNames = [
        "10.0.0.10"
        "p620.example.org"
      ];
      publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHPYbbRSGAPSUwFYPXDUHprguLvsY2D4tuc3HkCIho9v";
    };
    razer = {
      extraHostNames = [
        "10.0.0.20"
        "razer.example.org"
      ];
      publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOTvlE53YFHfrw22bSLH8RBsejJRaTQTO1obaEOrYH1n";
    };
    samsung = {
      extraHostNames = [
        "10.0.0.40"
        "samsung.example.org"
      ];
      publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICEETilAQsqBrtMxIiBqlD0yIiQPy63au56eEmZoLO/a";
    };
  };

  time.timeZone = "Europe/London";
}

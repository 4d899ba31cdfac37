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
        "https://cache.nixos.org?priority=10"
        "https://nix-community.cachix.org?priority=20"
        "http://p620.example.org:5000?priority=50"
      ];
      trusted-public-keys = [
        "cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="
        "nix-community.cachix.org-1:mB9FSh9qf2dCimDSUo8Zy7bkq5CX+/rkCWyvRCYg3Fs="
        "p620.example.org-1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
      ];
    };
  };

  nixpkgs.config.allowUnfreePredicate =
    pkg:
    builtins.elem (lib.getName pkg) [
      "nvidia-kernel-modules"
      "nvidia-settings"
      "nvidia-x11"
      "plexmediaserver"
      "steam"
      "steam-unwrapped"
      "unrar"
      "vscode"
    ];

  time.timeZone = "Europe/London";
}

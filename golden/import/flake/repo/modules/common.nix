{ lib, pkgs, fleetUser, ... }:
with lib;
{
  time.timeZone = "Europe/London";
  i18n.defaultLocale = "en_GB.UTF-8";
  console.keyMap = mkDefault "uk";
  nix.settings.experimental-features = [ "nix-command" "flakes" ];
  nix.settings = {
    substituters = [ "https://cache.example.org" ];
    trusted-public-keys = [ "cache.example.org-1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" ];
  };
  nixpkgs.config.allowUnfreePredicate = pkg: builtins.elem (lib.getName pkg) [ "steam-unwrapped" ];
  users.users.${fleetUser} = {
    isNormalUser = true;
    description = "Alice Example";
    extraGroups = [ "wheel" "dialout" ];
    hashedPassword = "$y$j9T$placeholder$placeholder";
    packages = [ pkgs.ripgrep ];
  };
  services.openssh.enable = true;
  services.openssh.settings.PermitRootLogin = "no";
}

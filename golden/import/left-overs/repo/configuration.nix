{ config, lib, pkgs, ... }@args:
let
  script = pkgs.writeShellScript "tick" "date";
in
{
  imports = [
    ./hardware-configuration.nix
    ./recursive.nix
    ./options.nix
    ./twice.nix
    ./missing.nix
  ]
  ++ [ ./more ];

  boot.loader.systemd-boot.enable = true;
  networking.hostName = "odd";
  networking.nameservers = [ "9.9.9.9" ];
  services.cron.systemCronJobs = [ "* * * * * root ${script}" ];
  services.resolved.enable = lib.mkIf config.networking.networkmanager.enable true;
  environment.etc = lib.mapAttrs (name: text: { inherit text; }) { a = "1"; };
  environment.shellAliases = { inherit (config.environment) shells; };
  systemd.tmpfiles.rules = map (name: "d /srv/${name}") [ "a" "b" ];
  users.motd = "one";
  system.stateVersion = "25.11";
}

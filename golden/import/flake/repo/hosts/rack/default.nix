{ inputs, pkgs, ... }:
let
  port = 8080;
  motd = "rack ${toString port}";
in
{
  imports = [ ./hardware-configuration.nix ];

  boot.loader.grub = {
    enable = true;
    device = "/dev/sda";
  };
  users.motd = motd;
  services.nginx = {
    enable = true;
    virtualHosts."rack.example.org".locations."/".proxyPass = "http://127.0.0.1:${toString port}";
  };
  nix.registry.nixpkgs.flake = inputs.nixpkgs;
  systemd.services.hello = {
    wantedBy = [ "multi-user.target" ];
    serviceConfig.ExecStart = "${pkgs.hello}/bin/hello";
    serviceConfig.DynamicUser = true;
  };
  system.stateVersion = "24.11";
}

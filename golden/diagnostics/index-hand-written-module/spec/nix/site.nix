{
  config,
  lib,
  pkgs,
  ...
}:
{
  imports = [ ./more.nix ];

  options.site.level = lib.mkOption {
    type = lib.types.int;
    default = 1;
    description = "How much of it.";
  };

  config = lib.mkMerge [
    {
      site.level = 2;
      site.levle = 2;
      services.nginx.enable = config.services.nginx.enabel;
    }
    (lib.mkIf (config.networking.hostName == "a") {
      networking.firewall.allowedTCPPorts = [ 80 ] ++ lib.optional config.services.openssh.enable "22";
      environment.systemPackages = with pkgs; [
        git
        htopp
      ];
    })
  ];
}

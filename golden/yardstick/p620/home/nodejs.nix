{
  config,
  lib,
  pkgs,
  ...
}:
let

  releases = {
    "22" = pkgs.nodejs_22;
    "24" = pkgs.nodejs_24;
    "26" = pkgs.nodejs_26;
  };
  prefix = "${config.home.homeDirectory}/.local/share/npm";
in
{

  programs.npm = {
    enable = true;
    package = releases."22";
    settings = lib.mkMerge [
      {
        inherit prefix;
        fund = lib.mkDefault false;
        update-notifier = lib.mkDefault false;
      }
      { }
    ];
  };

  home.sessionPath = [ "${prefix}/bin" ];
  home.packages = [
    pkgs.pnpm
  ]
  ++ [
    pkgs.typescript
    pkgs.typescript-language-server
  ]
  ++ ([
    (pkgs.prettier)
    (pkgs.eslint)
  ]);
}

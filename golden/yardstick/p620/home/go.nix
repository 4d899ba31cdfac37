{
  config,
  lib,
  pkgs,
  ...
}:
let

  goPath = "${config.home.homeDirectory}/go";
in
{

  programs.go = {
    enable = true;
    package = (pkgs.go);
    env = {
      GOPATH = goPath;
      GOPRIVATE = [ ];
      GOTOOLCHAIN = lib.mkDefault "local";
    };
    telemetry.mode = "off";
  };

  home.sessionPath = [ "${goPath}/bin" ];

  home.packages = [
    pkgs.gofumpt
    pkgs.gotools
  ]
  ++ [ pkgs.gopls ]
  ++ [ pkgs.delve ]
  ++ [ pkgs.golangci-lint ];
}

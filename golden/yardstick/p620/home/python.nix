{
  config,
  lib,
  pkgs,
  ...
}:
let

  interpreters = {
    "3.12" = pkgs.python312;
    "3.13" = pkgs.python313;
    "3.14" = pkgs.python314;
  };
  python = interpreters."3.13";
in
{

  home.packages = [
    (python.withPackages (
      ps:
      map (name: ps.${name}) [
        "ipython"
        "debugpy"
      ]
    ))
  ]
  ++ [ pkgs.pyright ];

  home.sessionVariables = {
    PYTHONDONTWRITEBYTECODE = lib.mkDefault "1";
    PIP_REQUIRE_VIRTUALENV = lib.mkDefault "true";
  };

  programs.uv = {
    enable = true;
    settings = {
      python-downloads = "never";
      python-preference = lib.mkDefault "only-system";
    };
  };

  programs.ruff = {
    enable = true;
    settings.line-length = 100;
  };
}

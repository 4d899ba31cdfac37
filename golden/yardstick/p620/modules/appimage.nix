{
  config,
  lib,
  pkgs,
  ...
}:
{

  programs.appimage = {
    enable = true;
    binfmt = true;
    package = pkgs.appimage-run.override { extraPkgs = _: [ ]; };
  };
}

{
  config,
  lib,
  pkgs,
  ...
}:
{

  programs.lazydocker.enable = true;

  home.packages = [ pkgs.dive ] ++ [ pkgs.skopeo ] ++ [ pkgs.hadolint ] ++ [ pkgs.trivy ];
}

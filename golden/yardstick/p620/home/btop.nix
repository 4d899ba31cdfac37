{
  config,
  lib,
  pkgs,
  ...
}:
let

  packages = {
    none = pkgs.btop;
    amd = pkgs.btop-rocm;
    nvidia = pkgs.btop-cuda;
  };
in
{

  programs.btop = {
    enable = true;
    package = packages.amd;
    settings = {
      color_theme = "Default";
      shown_boxes = lib.concatStringsSep " " [
        "cpu"
        "mem"
        "net"
        "proc"
      ];
      theme_background = false;
      update_ms = 1000;
      vim_keys = true;
      proc_sorting = lib.mkDefault "cpu lazy";
    };
  };
}

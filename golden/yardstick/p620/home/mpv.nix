{
  config,
  lib,
  pkgs,
  ...
}:
{

  programs.mpv = {
    enable = true;
    bindings = { };
    scripts = map (name: pkgs.mpvScripts.${name}) [
      "mpris"
      "thumbfast"
      "uosc"
    ];
    config = lib.mkMerge [
      {
        hwdec = "auto-safe";
        save-position-on-quit = true;
        slang = lib.concatStringsSep "," [ "en" ];
        volume-max = 130;
        ytdl-format = "bestvideo[height<=1440]+bestaudio/best";
        vo = lib.mkDefault "gpu-next";
      }
      ({
        osc = false;
        osd-bar = false;
        border = lib.mkDefault false;
      })
      { }
    ];
  };
}

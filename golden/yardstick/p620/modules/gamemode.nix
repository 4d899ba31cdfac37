{
  config,
  lib,
  pkgs,
  ...
}:
let

  notify = text: "${lib.getExe pkgs.libnotify} --app-name=GameMode '${text}'";
in
{

  programs.gamemode = {
    enable = true;
    enableRenice = 10 > 0;
    settings = lib.mkMerge [
      {
        general = {
          renice = 10;
          inhibit_screensaver = 1;
        };
      }
      ({
        custom = {
          start = notify "Game mode on";
          end = notify "Game mode off";
        };
      })
      { }
    ];
  };
}

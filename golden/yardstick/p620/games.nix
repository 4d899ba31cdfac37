{ lib, pkgs, ... }:
let
  notify = text: "${lib.getExe pkgs.libnotify} --app-name=GameMode '${text}'";
in
{
  programs = {
    gamemode = {
      enable = true;
      settings = {
        general = {
          renice = 10;
          inhibit_screensaver = 1;
        };
        custom = {
          start = notify "Game mode on";
          end = notify "Game mode off";
        };
      };
    };
    steam = {
      enable = true;
      extraCompatPackages = [ pkgs.proton-ge-bin ];
      protontricks.enable = true;
    };
  };
}

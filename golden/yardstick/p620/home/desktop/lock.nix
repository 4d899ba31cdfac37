{
  lib,
  osConfig,
  pkgs,
  ...
}:
let
  screens = lib.getExe (
    pkgs.writeShellApplication {
      name = "screens";
      runtimeInputs = [ osConfig.programs.hyprland.package ];
      text = ''
        action=''${1:?usage: screens on|off}
        hyprctl dispatch "hl.dsp.dpms({ action = \"$action\" })"
      '';
    }
  );
  brightnessctl = lib.getExe pkgs.brightnessctl;
  lock = "${lib.getExe' pkgs.procps "pidof"} hyprlock || ${lib.getExe pkgs.hyprlock}";
in
{
  services.hypridle = {
    enable = true;
    settings = {
      general = {
        lock_cmd = lock;
        before_sleep_cmd = "${lib.getExe' pkgs.systemd "loginctl"} lock-session";
        after_sleep_cmd = "${screens} on";
        inhibit_sleep = 3;
      };
      listener = [
        {
          timeout = 240;
          on-timeout = "${brightnessctl} --save set 10%";
          on-resume = "${brightnessctl} --restore";
        }
        {
          timeout = 300;
          on-timeout = "${lock} --grace 3";
        }
        {
          timeout = 420;
          on-timeout = "${screens} off";
          on-resume = "${screens} on";
        }
      ];
    };
  };

  programs.hyprlock = {
    enable = true;
    settings = {
      general = {
        hide_cursor = true;
        ignore_empty_input = true;
      };
      auth.fingerprint.enabled = false;
      background = [
        {
          monitor = "";
          path = "screenshot";
          blur_passes = 3;
          blur_size = 7;
          color = "rgb(30, 30, 46)";
        }
      ];
      input-field = [
        {
          monitor = "";
          size = "300, 50";
          position = "0, -80";
          halign = "center";
          valign = "center";
          font_family = "Inter";
          outer_color = "rgb(137, 180, 250)";
          inner_color = "rgb(30, 30, 46)";
          font_color = "rgb(205, 214, 244)";
          fail_color = "rgb(243, 139, 168)";
          outline_thickness = 2;
          placeholder_text = "Password";
          fade_on_empty = true;
        }
      ];
      label = [
        {
          monitor = "";
          text = "$TIME";
          font_size = 72;
          font_family = "Inter";
          color = "rgb(205, 214, 244)";
          position = "0, 140";
          halign = "center";
          valign = "center";
        }
        {
          monitor = "";
          text = "cmd[update:60000] date +'%A, %-d %B'";
          font_size = 20;
          font_family = "Inter";
          color = "rgb(186, 194, 222)";
          position = "0, 60";
          halign = "center";
          valign = "center";
        }
      ];
    };
  };
}

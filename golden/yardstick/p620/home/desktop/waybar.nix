{ lib, pkgs, ... }:
{
  programs.waybar = {
    enable = true;
    systemd.enable = true;
    settings.main = {
      layer = "top";
      height = 32;
      position = "top";
      modules-left = [
        "ext/workspaces"
        "hyprland/window"
      ];
      modules-center = [ "clock" ];
      modules-right = [
        "tray"
        "idle_inhibitor"
        "pulseaudio"
        "network"
        "cpu"
        "memory"
        "temperature"
        "backlight"
        "battery"
      ];

      "ext/workspaces" = {
        format = "{name}";
        on-click = "activate";
        sort-by-id = true;
      };
      "hyprland/window" = {
        max-length = 60;
        separate-outputs = true;
      };
      clock = {
        format = "{:%a %d %b  %H:%M}";
        tooltip-format = "<tt><small>{calendar}</small></tt>";
      };
      tray.spacing = 8;
      idle_inhibitor = {
        format = "{icon}";
        format-icons = {
          activated = "󰅶";
          deactivated = "󰾪";
        };
      };
      pulseaudio = {
        format = "{icon} {volume}%";
        format-muted = "󰝟";
        format-icons.default = [
          "󰕿"
          "󰖀"
          "󰕾"
        ];
        on-click = lib.getExe pkgs.pavucontrol;
        on-click-right = "${lib.getExe' pkgs.wireplumber "wpctl"} set-mute @DEFAULT_AUDIO_SINK@ toggle";
      };
      network = {
        interval = 5;
        format-disconnected = "󰌙";
        format-ethernet = "󰈀 {bandwidthDownBytes}";
        format-wifi = "󰖩 {signalStrength}%";
        tooltip-format = "{ifname} {ipaddr}/{cidr}";
      };
      cpu = {
        interval = 5;
        format = "󰍛 {usage}%";
      };
      memory = {
        interval = 5;
        format = "󰘚 {percentage}%";
        tooltip-format = "{used:0.1f} of {total:0.1f} GiB";
      };
      temperature = {
        interval = 5;
        critical-threshold = 85;
        format = "󰔏 {temperatureC}°C";
      };
      backlight = {
        format = "󰃟 {percent}%";
        on-scroll-up = "${lib.getExe pkgs.brightnessctl} set 2%+";
        on-scroll-down = "${lib.getExe pkgs.brightnessctl} set 2%-";
      };
      battery = {
        states = {
          warning = 25;
          critical = 10;
        };
        format = "{icon} {capacity}%";
        format-charging = "󰂄 {capacity}%";
        format-icons = [
          "󰂎"
          "󰁼"
          "󰁿"
          "󰂁"
          "󰁹"
        ];
      };
    };

    style = ''
      * {
        border: none;
        border-radius: 0;
        font-family: "JetBrainsMono Nerd Font";
        font-size: 13px;
        min-height: 0;
      }
      window#waybar {
        background: rgba(30, 30, 46, 0.9);
        color: #cdd6f4;
      }
      .modules-left > widget > *,
      .modules-center > widget > *,
      .modules-right > widget > * {
        margin: 0 4px;
        padding: 0 6px;
      }
      #workspaces button {
        color: #cdd6f4;
        padding: 0 8px;
      }
      #workspaces button.active {
        border-bottom: 2px solid #89b4fa;
        color: #89b4fa;
      }
      #workspaces button.urgent,
      #battery.critical:not(.charging),
      #temperature.critical {
        color: #f38ba8;
      }
      #battery.warning:not(.charging) {
        color: #f9e2af;
      }

    '';
  };
}

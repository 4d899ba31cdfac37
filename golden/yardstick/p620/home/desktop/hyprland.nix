{
  lib,
  osConfig,
  pkgs,
  root,
  ...
}:
let
  inherit (lib.generators) mkLuaInline toLua;

  exec = command: "hl.dsp.exec_cmd(${toLua { } command})";
  bind = keys: dispatcher: {
    _args = [
      keys
      (mkLuaInline dispatcher)
    ];
  };
  bindWith = options: keys: dispatcher: {
    _args = [
      keys
      (mkLuaInline dispatcher)
      options
    ];
  };
  mediaKey = bindWith {
    locked = true;
    repeating = true;
  };
  playerKey = bindWith { locked = true; };
  resize =
    arrow: by:
    bindWith {
      repeating = true;
    } "SUPER + ${arrow}" "hl.dsp.window.resize({ ${by}, relative = true })";

  wpctl = lib.getExe' pkgs.wireplumber "wpctl";
  brightnessctl = lib.getExe pkgs.brightnessctl;
  playerctl = lib.getExe pkgs.playerctl;

  clipboard = pkgs.writeShellApplication {
    name = "clipboard-menu";
    runtimeInputs = [
      pkgs.cliphist
      pkgs.wl-clipboard
    ];
    text = ''
      choice=$(cliphist list | fuzzel --dmenu --prompt 'clipboard ') || exit 0
      [[ -n $choice ]] || exit 0
      cliphist decode <<<"$choice" | wl-copy
    '';
  };
  clipboardMenu = lib.getExe clipboard;

  game = pkgs.callPackage (root + "/pkgs/game-mode") {
    hyprland = osConfig.programs.hyprland.package;
  };
  gameMode = lib.getExe game;
in
{
  home.packages = [
    clipboard
    game
    pkgs.kitty
    pkgs.wl-clipboard
    pkgs.nautilus
    pkgs.qalculate-gtk
    pkgs.resources
  ];

  # What the game mode sets until it is turned off.
  xdg.configFile."hypr/game-mode.lua".text =
    "hl.config({ animations = { enabled = false }, decoration = { rounding = 0, blur = { enabled = false }, shadow = { enabled = false } }, general = { gaps_in = 0, gaps_out = 0, border_size = 1, allow_tearing = true } })";

  services = {
    cliphist = {
      enable = true;
      extraOptions = [
        "-max-items"
        "750"
      ];
    };
    hyprpolkitagent.enable = true;
    playerctld.enable = true;
  };

  wayland.windowManager.hyprland = {
    enable = true;
    configType = "lua";
    # The system has these.
    package = null;
    portalPackage = null;
    systemd.enable = false;

    settings = {
      config = {
        animations.enabled = true;
        decoration = {
          rounding = 8;
          blur.enabled = true;
        };
        dwindle.preserve_split = true;
        ecosystem = {
          no_donation_nag = true;
          no_update_news = true;
        };
        general = {
          allow_tearing = false;
          border_size = 2;
          col = {
            active_border = "rgba(89b4faee)";
            inactive_border = "rgba(45475aaa)";
          };
          gaps_in = 4;
          gaps_out = 8;
          layout = "dwindle";
          resize_on_border = true;
        };
        input = {
          follow_mouse = 1;
          kb_layout = "us";
          kb_options = "";
          kb_variant = "";
          sensitivity = 0.0;
          touchpad.natural_scroll = true;
        };
        misc = {
          disable_hyprland_logo = true;
          disable_splash_rendering = true;
          focus_on_activate = true;
          key_press_enables_dpms = true;
          mouse_move_enables_dpms = true;
          vrr = 2;
        };
        xwayland.force_zero_scaling = true;
      };

      monitor = [
        {
          output = "";
          mode = "preferred";
          position = "auto";
          scale = "auto";
        }
      ];

      gesture = [
        {
          fingers = 3;
          direction = "horizontal";
          action = "workspace";
        }
      ];

      window_rule = [
        {
          name = "idle-inhibit-fullscreen";
          match.class = ".*";
          idle_inhibit = "fullscreen";
        }
        {
          name = "suppress-maximize";
          match.class = ".*";
          suppress_event = "maximize";
        }
        {
          name = "float-org-pulseaudio-pavucontrol";
          match.class = "^org\\.pulseaudio\\.pavucontrol$";
          float = true;
        }
        {
          name = "float-qalculate-gtk";
          match.class = "^qalculate-gtk$";
          float = true;
        }
        {
          name = "float-xdg-desktop-portal-gtk";
          match.class = "^xdg-desktop-portal-gtk$";
          float = true;
        }
      ];

      bind = [
        (bind "ALT + TAB" "function() hl.dispatch(hl.dsp.window.cycle_next()) hl.dispatch(hl.dsp.window.bring_to_top()) end")
        (bind "ALT + SHIFT + TAB" "function() hl.dispatch(hl.dsp.window.cycle_next({ next = false })) hl.dispatch(hl.dsp.window.bring_to_top()) end")
        (bind "SUPER + TAB" "hl.dsp.focus({ workspace = \"previous\" })")

        (bind "SUPER + H" "hl.dsp.focus({ direction = \"left\" })")
        (bind "SUPER + J" "hl.dsp.focus({ direction = \"down\" })")
        (bind "SUPER + K" "hl.dsp.focus({ direction = \"up\" })")
        (bind "SUPER + L" "hl.dsp.focus({ direction = \"right\" })")
        (bind "SUPER + SHIFT + H" "hl.dsp.window.move({ direction = \"left\" })")
        (bind "SUPER + SHIFT + J" "hl.dsp.window.move({ direction = \"down\" })")
        (bind "SUPER + SHIFT + K" "hl.dsp.window.move({ direction = \"up\" })")
        (bind "SUPER + SHIFT + L" "hl.dsp.window.move({ direction = \"right\" })")

        (bind "SUPER + Q" "hl.dsp.window.close()")
        (bind "SUPER + F" "hl.dsp.window.fullscreen()")
        (bind "SUPER + M" "hl.dsp.window.fullscreen({ mode = \"maximized\" })")
        (bind "SUPER + T" "hl.dsp.window.float()")
        (bind "SUPER + SHIFT + Q" (exec "uwsm stop"))

        (bind "SUPER + Return" (exec "kitty"))
        (bind "SUPER + SHIFT + Return" (exec "kitty nvim"))
        (bind "SUPER + B" (exec "firefox"))
        (bind "SUPER + E" (exec "nautilus"))
        (bind "SUPER + Space" (exec "fuzzel"))
        (bind "SUPER + V" (exec (clipboardMenu)))
        (bind "SUPER + equal" (exec "qalculate-gtk"))
        (bind "SUPER + SHIFT + Escape" (exec "resources"))
        (bind "SUPER + CTRL + L" (exec "loginctl lock-session"))
        (bind "SUPER + SHIFT + End" (exec "systemctl suspend"))
        (bind "SUPER + CTRL + G" (exec "${gameMode} on"))
        (bind "SUPER + CTRL + ALT + G" (exec "${gameMode} off"))
        (bind "Print" (exec "${lib.getExe pkgs.grimblast} --notify copysave area"))
        (bind "SHIFT + Print" (exec "${lib.getExe pkgs.grimblast} --notify copysave output"))
        (bind "SUPER + P" (exec "${lib.getExe pkgs.hyprpicker} --autocopy"))

        (bind "SUPER + S" "hl.dsp.workspace.toggle_special(\"scratch\")")
        (bind "SUPER + SHIFT + S" "hl.dsp.window.move({ workspace = \"special:scratch\" })")
        (bind "SUPER + mouse_down" "hl.dsp.focus({ workspace = \"e+1\" })")
        (bind "SUPER + mouse_up" "hl.dsp.focus({ workspace = \"e-1\" })")
        (bindWith { mouse = true; } "SUPER + mouse:272" "hl.dsp.window.drag()")
        (bindWith { mouse = true; } "SUPER + mouse:273" "hl.dsp.window.resize()")

        (resize "down" "x = 0, y = 40")
        (resize "left" "x = -40, y = 0")
        (resize "right" "x = 40, y = 0")
        (resize "up" "x = 0, y = -40")
      ]
      ++ lib.concatMap (
        number:
        let
          key = toString (lib.mod number 10);
        in
        [
          (bind "SUPER + ${key}" "hl.dsp.focus({ workspace = ${toString number} })")
          (bind "SUPER + SHIFT + ${key}" "hl.dsp.window.move({ workspace = ${toString number} })")
        ]
      ) (lib.range 1 10)
      ++ [
        (mediaKey "XF86AudioRaiseVolume" (exec "${wpctl} set-volume -l 1 @DEFAULT_AUDIO_SINK@ 5%+"))
        (mediaKey "XF86AudioLowerVolume" (exec "${wpctl} set-volume @DEFAULT_AUDIO_SINK@ 5%-"))
        (playerKey "XF86AudioMute" (exec "${wpctl} set-mute @DEFAULT_AUDIO_SINK@ toggle"))
        (playerKey "XF86AudioMicMute" (exec "${wpctl} set-mute @DEFAULT_AUDIO_SOURCE@ toggle"))
        (mediaKey "XF86MonBrightnessUp" (exec "${brightnessctl} -e4 -n2 set 5%+"))
        (mediaKey "XF86MonBrightnessDown" (exec "${brightnessctl} -e4 -n2 set 5%-"))
        (playerKey "XF86AudioNext" (exec "${playerctl} next"))
        (playerKey "XF86AudioPrev" (exec "${playerctl} previous"))
        (playerKey "XF86AudioPlay" (exec "${playerctl} play-pause"))
        (playerKey "XF86AudioPause" (exec "${playerctl} play-pause"))
        (playerKey "XF86AudioStop" (exec "${playerctl} stop"))
      ];
    };
  };
}

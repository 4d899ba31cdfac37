{
  config,
  lib,
  pkgs,
  osConfig,
  root,
  ...
}:
let

  inherit (lib.generators) mkLuaInline toLua;

  inherit (osConfig.programs.hyprland) withUWSM;
  hyprland = osConfig.programs.hyprland.package;

  key = lib.replaceStrings [ "MOD" ] [ "SUPER" ];
  exec = command: "hl.dsp.exec_cmd(${toLua { } command})";

  bindWith = options: keys: dispatcher: {
    _args = [
      (key keys)
      (mkLuaInline dispatcher)
    ]
    ++ lib.optional (options != { }) options;
  };
  bind = bindWith { };
  mediaKey = bindWith {
    locked = true;
    repeating = true;
  };
  playerKey = bindWith { locked = true; };

  terminalCommands = {
    alacritty = "alacritty -e";
    foot = "foot";
    ghostty = "ghostty -e";
    kitty = "kitty";
  };
  editor = "${terminalCommands.kitty} nvim";

  launchers = {
    fuzzel = {
      run = "fuzzel";
      menu = "fuzzel --dmenu --prompt 'clipboard '";
    };
    rofi = {
      run = "rofi -show drun";
      menu = "rofi -dmenu -p clipboard";
    };
  };
  launcher = launchers.fuzzel;

  clipboardMenu = pkgs.writeShellApplication {
    name = "clipboard-menu";
    runtimeInputs = [
      pkgs.cliphist
      pkgs.wl-clipboard
    ];
    text = ''
      choice=$(cliphist list | ${launcher.menu}) || exit 0
      [[ -n $choice ]] || exit 0
      cliphist decode <<<"$choice" | wl-copy
    '';
  };

  # What the game mode sets until it is turned off.
  gameConfig = "hl.config({ ${
    lib.concatStringsSep ", " [
      "animations = { enabled = false }"
      "decoration = { rounding = 0, blur = { enabled = false }, shadow = { enabled = false } }"
      "general = { gaps_in = 0, gaps_out = 0, border_size = 1, allow_tearing = true }"
    ]
  } })";

  gameMode = (pkgs.callPackage (root + "/pkgs/game-mode") { }).override { inherit hyprland; };

  wpctl = lib.getExe' pkgs.wireplumber "wpctl";
  brightnessctl = lib.getExe pkgs.brightnessctl;
  playerctl = lib.getExe pkgs.playerctl;
  grimblast = lib.getExe pkgs.grimblast;

  workspaces = lib.concatMap (
    number:
    let
      digit = toString (lib.mod number 10);
    in
    [
      (bind "MOD + ${digit}" "hl.dsp.focus({ workspace = ${toString number} })")
      (bind "MOD + SHIFT + ${digit}" "hl.dsp.window.move({ workspace = ${toString number} })")
    ]
  ) (lib.range 1 10);

  floating = class: {
    name = "float-${lib.toLower (lib.replaceStrings [ "." ] [ "-" ] class)}";
    match.class = "^${lib.escapeRegex class}$";
    float = true;
  };
in
{
  imports = [
    ./hypridle-lock.nix
    ./launcher.nix
  ];

  home.packages = [
    clipboardMenu
    gameMode
    pkgs.kitty
    pkgs.wl-clipboard
  ]
  ++ ([
    (pkgs.nautilus)
    (pkgs.qalculate-gtk)
    (pkgs.resources)
  ]);

  xdg.configFile."hypr/game-mode.lua".text = gameConfig;
  xdg.mimeApps.defaultApplications = {
    "inode/directory" = [ "org.gnome.Nautilus.desktop" ];
  };

  services.cliphist = {
    enable = true;
    allowImages = true;
    extraOptions = [
      "-max-items"
      (toString 750)
    ];
  };
  services.hyprpolkitagent.enable = true;
  services.playerctld.enable = true;

  wayland.windowManager.hyprland = {
    enable = true;
    configType = "lua";
    # The host's module installs these.
    package = null;
    portalPackage = null;
    systemd.enable = !withUWSM;

    settings = {
      config = {
        general = {
          allow_tearing = lib.mkDefault false;
          border_size = 2;
          col = {
            active_border = "rgba(89b4faee)";
            inactive_border = "rgba(45475aaa)";
          };
          gaps_in = 4;
          gaps_out = 8;
          layout = "dwindle";
          resize_on_border = lib.mkDefault true;
        };
        decoration = {
          rounding = 8;
          blur.enabled = true;
        };
        animations.enabled = true;
        dwindle.preserve_split = lib.mkDefault true;
        input = {
          follow_mouse = lib.mkDefault 1;
          kb_layout = "us";
          kb_options = "";
          kb_variant = "";
          sensitivity = (0.0);
          touchpad.natural_scroll = true;
        };
        misc = {
          disable_hyprland_logo = lib.mkDefault true;
          disable_splash_rendering = lib.mkDefault true;
          focus_on_activate = lib.mkDefault true;
          key_press_enables_dpms = lib.mkDefault true;
          mouse_move_enables_dpms = lib.mkDefault true;
          vrr = lib.getAttr "fullscreen" {
            off = 0;
            on = 1;
            fullscreen = 2;
          };
        };
        ecosystem = {
          no_donation_nag = lib.mkDefault true;
          no_update_news = lib.mkDefault true;
        };
        xwayland.force_zero_scaling = lib.mkDefault true;
      };

      monitor =
        map (lib.filterAttrs (_: value: value != null)) [ ]
        ++ lib.optional (!lib.any (monitor: monitor.output == "") [ ]) {
          output = "";
          mode = "preferred";
          position = "auto";
          scale = "auto";
        };

      env = lib.mapAttrsToList (name: value: {
        _args = [
          name
          value
        ];
      }) { };

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
      ]
      ++ map floating [
        "org.pulseaudio.pavucontrol"
        "qalculate-gtk"
        "xdg-desktop-portal-gtk"
      ];

      bind = [
        (bind "ALT + TAB" "function() hl.dispatch(hl.dsp.window.cycle_next()) hl.dispatch(hl.dsp.window.bring_to_top()) end")
        (bind "ALT + SHIFT + TAB" "function() hl.dispatch(hl.dsp.window.cycle_next({ next = false })) hl.dispatch(hl.dsp.window.bring_to_top()) end")
        (bind "MOD + TAB" "hl.dsp.focus({ workspace = \"previous\" })")

        (bind
          ({
            browser = "MOD + B";
            calculator = "MOD + equal";
            clipboard = "MOD + V";
            close = "MOD + Q";
            colorPicker = "MOD + P";
            editor = "MOD + SHIFT + Return";
            exit = "MOD + SHIFT + Q";
            fileManager = "MOD + E";
            float = "MOD + T";
            focusDown = "MOD + J";
            focusLeft = "MOD + H";
            focusRight = "MOD + L";
            focusUp = "MOD + K";
            fullscreen = "MOD + F";
            gameModeOff = "MOD + CTRL + ALT + G";
            gameModeOn = "MOD + CTRL + G";
            launcher = "MOD + Space";
            lock = "MOD + CTRL + L";
            maximize = "MOD + M";
            moveDown = "MOD + SHIFT + J";
            moveLeft = "MOD + SHIFT + H";
            moveRight = "MOD + SHIFT + L";
            moveUp = "MOD + SHIFT + K";
            screenshot = "Print";
            screenshotScreen = "SHIFT + Print";
            suspend = "MOD + SHIFT + End";
            systemMonitor = "MOD + SHIFT + Escape";
            terminal = "MOD + Return";
          }).focusLeft
          "hl.dsp.focus({ direction = \"left\" })"
        )
        (bind
          ({
            browser = "MOD + B";
            calculator = "MOD + equal";
            clipboard = "MOD + V";
            close = "MOD + Q";
            colorPicker = "MOD + P";
            editor = "MOD + SHIFT + Return";
            exit = "MOD + SHIFT + Q";
            fileManager = "MOD + E";
            float = "MOD + T";
            focusDown = "MOD + J";
            focusLeft = "MOD + H";
            focusRight = "MOD + L";
            focusUp = "MOD + K";
            fullscreen = "MOD + F";
            gameModeOff = "MOD + CTRL + ALT + G";
            gameModeOn = "MOD + CTRL + G";
            launcher = "MOD + Space";
            lock = "MOD + CTRL + L";
            maximize = "MOD + M";
            moveDown = "MOD + SHIFT + J";
            moveLeft = "MOD + SHIFT + H";
            moveRight = "MOD + SHIFT + L";
            moveUp = "MOD + SHIFT + K";
            screenshot = "Print";
            screenshotScreen = "SHIFT + Print";
            suspend = "MOD + SHIFT + End";
            systemMonitor = "MOD + SHIFT + Escape";
            terminal = "MOD + Return";
          }).focusDown
          "hl.dsp.focus({ direction = \"down\" })"
        )
        (bind
          ({
            browser = "MOD + B";
            calculator = "MOD + equal";
            clipboard = "MOD + V";
            close = "MOD + Q";
            colorPicker = "MOD + P";
            editor = "MOD + SHIFT + Return";
            exit = "MOD + SHIFT + Q";
            fileManager = "MOD + E";
            float = "MOD + T";
            focusDown = "MOD + J";
            focusLeft = "MOD + H";
            focusRight = "MOD + L";
            focusUp = "MOD + K";
            fullscreen = "MOD + F";
            gameModeOff = "MOD + CTRL + ALT + G";
            gameModeOn = "MOD + CTRL + G";
            launcher = "MOD + Space";
            lock = "MOD + CTRL + L";
            maximize = "MOD + M";
            moveDown = "MOD + SHIFT + J";
            moveLeft = "MOD + SHIFT + H";
            moveRight = "MOD + SHIFT + L";
            moveUp = "MOD + SHIFT + K";
            screenshot = "Print";
            screenshotScreen = "SHIFT + Print";
            suspend = "MOD + SHIFT + End";
            systemMonitor = "MOD + SHIFT + Escape";
            terminal = "MOD + Return";
          }).focusUp
          "hl.dsp.focus({ direction = \"up\" })"
        )
        (bind
          ({
            browser = "MOD + B";
            calculator = "MOD + equal";
            clipboard = "MOD + V";
            close = "MOD + Q";
            colorPicker = "MOD + P";
            editor = "MOD + SHIFT + Return";
            exit = "MOD + SHIFT + Q";
            fileManager = "MOD + E";
            float = "MOD + T";
            focusDown = "MOD + J";
            focusLeft = "MOD + H";
            focusRight = "MOD + L";
            focusUp = "MOD + K";
            fullscreen = "MOD + F";
            gameModeOff = "MOD + CTRL + ALT + G";
            gameModeOn = "MOD + CTRL + G";
            launcher = "MOD + Space";
            lock = "MOD + CTRL + L";
            maximize = "MOD + M";
            moveDown = "MOD + SHIFT + J";
            moveLeft = "MOD + SHIFT + H";
            moveRight = "MOD + SHIFT + L";
            moveUp = "MOD + SHIFT + K";
            screenshot = "Print";
            screenshotScreen = "SHIFT + Print";
            suspend = "MOD + SHIFT + End";
            systemMonitor = "MOD + SHIFT + Escape";
            terminal = "MOD + Return";
          }).focusRight
          "hl.dsp.focus({ direction = \"right\" })"
        )
        (bind
          ({
            browser = "MOD + B";
            calculator = "MOD + equal";
            clipboard = "MOD + V";
            close = "MOD + Q";
            colorPicker = "MOD + P";
            editor = "MOD + SHIFT + Return";
            exit = "MOD + SHIFT + Q";
            fileManager = "MOD + E";
            float = "MOD + T";
            focusDown = "MOD + J";
            focusLeft = "MOD + H";
            focusRight = "MOD + L";
            focusUp = "MOD + K";
            fullscreen = "MOD + F";
            gameModeOff = "MOD + CTRL + ALT + G";
            gameModeOn = "MOD + CTRL + G";
            launcher = "MOD + Space";
            lock = "MOD + CTRL + L";
            maximize = "MOD + M";
            moveDown = "MOD + SHIFT + J";
            moveLeft = "MOD + SHIFT + H";
            moveRight = "MOD + SHIFT + L";
            moveUp = "MOD + SHIFT + K";
            screenshot = "Print";
            screenshotScreen = "SHIFT + Print";
            suspend = "MOD + SHIFT + End";
            systemMonitor = "MOD + SHIFT + Escape";
            terminal = "MOD + Return";
          }).moveLeft
          "hl.dsp.window.move({ direction = \"left\" })"
        )
        (bind
          ({
            browser = "MOD + B";
            calculator = "MOD + equal";
            clipboard = "MOD + V";
            close = "MOD + Q";
            colorPicker = "MOD + P";
            editor = "MOD + SHIFT + Return";
            exit = "MOD + SHIFT + Q";
            fileManager = "MOD + E";
            float = "MOD + T";
            focusDown = "MOD + J";
            focusLeft = "MOD + H";
            focusRight = "MOD + L";
            focusUp = "MOD + K";
            fullscreen = "MOD + F";
            gameModeOff = "MOD + CTRL + ALT + G";
            gameModeOn = "MOD + CTRL + G";
            launcher = "MOD + Space";
            lock = "MOD + CTRL + L";
            maximize = "MOD + M";
            moveDown = "MOD + SHIFT + J";
            moveLeft = "MOD + SHIFT + H";
            moveRight = "MOD + SHIFT + L";
            moveUp = "MOD + SHIFT + K";
            screenshot = "Print";
            screenshotScreen = "SHIFT + Print";
            suspend = "MOD + SHIFT + End";
            systemMonitor = "MOD + SHIFT + Escape";
            terminal = "MOD + Return";
          }).moveDown
          "hl.dsp.window.move({ direction = \"down\" })"
        )
        (bind
          ({
            browser = "MOD + B";
            calculator = "MOD + equal";
            clipboard = "MOD + V";
            close = "MOD + Q";
            colorPicker = "MOD + P";
            editor = "MOD + SHIFT + Return";
            exit = "MOD + SHIFT + Q";
            fileManager = "MOD + E";
            float = "MOD + T";
            focusDown = "MOD + J";
            focusLeft = "MOD + H";
            focusRight = "MOD + L";
            focusUp = "MOD + K";
            fullscreen = "MOD + F";
            gameModeOff = "MOD + CTRL + ALT + G";
            gameModeOn = "MOD + CTRL + G";
            launcher = "MOD + Space";
            lock = "MOD + CTRL + L";
            maximize = "MOD + M";
            moveDown = "MOD + SHIFT + J";
            moveLeft = "MOD + SHIFT + H";
            moveRight = "MOD + SHIFT + L";
            moveUp = "MOD + SHIFT + K";
            screenshot = "Print";
            screenshotScreen = "SHIFT + Print";
            suspend = "MOD + SHIFT + End";
            systemMonitor = "MOD + SHIFT + Escape";
            terminal = "MOD + Return";
          }).moveUp
          "hl.dsp.window.move({ direction = \"up\" })"
        )
        (bind
          ({
            browser = "MOD + B";
            calculator = "MOD + equal";
            clipboard = "MOD + V";
            close = "MOD + Q";
            colorPicker = "MOD + P";
            editor = "MOD + SHIFT + Return";
            exit = "MOD + SHIFT + Q";
            fileManager = "MOD + E";
            float = "MOD + T";
            focusDown = "MOD + J";
            focusLeft = "MOD + H";
            focusRight = "MOD + L";
            focusUp = "MOD + K";
            fullscreen = "MOD + F";
            gameModeOff = "MOD + CTRL + ALT + G";
            gameModeOn = "MOD + CTRL + G";
            launcher = "MOD + Space";
            lock = "MOD + CTRL + L";
            maximize = "MOD + M";
            moveDown = "MOD + SHIFT + J";
            moveLeft = "MOD + SHIFT + H";
            moveRight = "MOD + SHIFT + L";
            moveUp = "MOD + SHIFT + K";
            screenshot = "Print";
            screenshotScreen = "SHIFT + Print";
            suspend = "MOD + SHIFT + End";
            systemMonitor = "MOD + SHIFT + Escape";
            terminal = "MOD + Return";
          }).moveRight
          "hl.dsp.window.move({ direction = \"right\" })"
        )

        (bind
          ({
            browser = "MOD + B";
            calculator = "MOD + equal";
            clipboard = "MOD + V";
            close = "MOD + Q";
            colorPicker = "MOD + P";
            editor = "MOD + SHIFT + Return";
            exit = "MOD + SHIFT + Q";
            fileManager = "MOD + E";
            float = "MOD + T";
            focusDown = "MOD + J";
            focusLeft = "MOD + H";
            focusRight = "MOD + L";
            focusUp = "MOD + K";
            fullscreen = "MOD + F";
            gameModeOff = "MOD + CTRL + ALT + G";
            gameModeOn = "MOD + CTRL + G";
            launcher = "MOD + Space";
            lock = "MOD + CTRL + L";
            maximize = "MOD + M";
            moveDown = "MOD + SHIFT + J";
            moveLeft = "MOD + SHIFT + H";
            moveRight = "MOD + SHIFT + L";
            moveUp = "MOD + SHIFT + K";
            screenshot = "Print";
            screenshotScreen = "SHIFT + Print";
            suspend = "MOD + SHIFT + End";
            systemMonitor = "MOD + SHIFT + Escape";
            terminal = "MOD + Return";
          }).close
          "hl.dsp.window.close()"
        )
        (bind
          ({
            browser = "MOD + B";
            calculator = "MOD + equal";
            clipboard = "MOD + V";
            close = "MOD + Q";
            colorPicker = "MOD + P";
            editor = "MOD + SHIFT + Return";
            exit = "MOD + SHIFT + Q";
            fileManager = "MOD + E";
            float = "MOD + T";
            focusDown = "MOD + J";
            focusLeft = "MOD + H";
            focusRight = "MOD + L";
            focusUp = "MOD + K";
            fullscreen = "MOD + F";
            gameModeOff = "MOD + CTRL + ALT + G";
            gameModeOn = "MOD + CTRL + G";
            launcher = "MOD + Space";
            lock = "MOD + CTRL + L";
            maximize = "MOD + M";
            moveDown = "MOD + SHIFT + J";
            moveLeft = "MOD + SHIFT + H";
            moveRight = "MOD + SHIFT + L";
            moveUp = "MOD + SHIFT + K";
            screenshot = "Print";
            screenshotScreen = "SHIFT + Print";
            suspend = "MOD + SHIFT + End";
            systemMonitor = "MOD + SHIFT + Escape";
            terminal = "MOD + Return";
          }).fullscreen
          "hl.dsp.window.fullscreen()"
        )
        (bind
          ({
            browser = "MOD + B";
            calculator = "MOD + equal";
            clipboard = "MOD + V";
            close = "MOD + Q";
            colorPicker = "MOD + P";
            editor = "MOD + SHIFT + Return";
            exit = "MOD + SHIFT + Q";
            fileManager = "MOD + E";
            float = "MOD + T";
            focusDown = "MOD + J";
            focusLeft = "MOD + H";
            focusRight = "MOD + L";
            focusUp = "MOD + K";
            fullscreen = "MOD + F";
            gameModeOff = "MOD + CTRL + ALT + G";
            gameModeOn = "MOD + CTRL + G";
            launcher = "MOD + Space";
            lock = "MOD + CTRL + L";
            maximize = "MOD + M";
            moveDown = "MOD + SHIFT + J";
            moveLeft = "MOD + SHIFT + H";
            moveRight = "MOD + SHIFT + L";
            moveUp = "MOD + SHIFT + K";
            screenshot = "Print";
            screenshotScreen = "SHIFT + Print";
            suspend = "MOD + SHIFT + End";
            systemMonitor = "MOD + SHIFT + Escape";
            terminal = "MOD + Return";
          }).maximize
          "hl.dsp.window.fullscreen({ mode = \"maximized\" })"
        )
        (bind
          ({
            browser = "MOD + B";
            calculator = "MOD + equal";
            clipboard = "MOD + V";
            close = "MOD + Q";
            colorPicker = "MOD + P";
            editor = "MOD + SHIFT + Return";
            exit = "MOD + SHIFT + Q";
            fileManager = "MOD + E";
            float = "MOD + T";
            focusDown = "MOD + J";
            focusLeft = "MOD + H";
            focusRight = "MOD + L";
            focusUp = "MOD + K";
            fullscreen = "MOD + F";
            gameModeOff = "MOD + CTRL + ALT + G";
            gameModeOn = "MOD + CTRL + G";
            launcher = "MOD + Space";
            lock = "MOD + CTRL + L";
            maximize = "MOD + M";
            moveDown = "MOD + SHIFT + J";
            moveLeft = "MOD + SHIFT + H";
            moveRight = "MOD + SHIFT + L";
            moveUp = "MOD + SHIFT + K";
            screenshot = "Print";
            screenshotScreen = "SHIFT + Print";
            suspend = "MOD + SHIFT + End";
            systemMonitor = "MOD + SHIFT + Escape";
            terminal = "MOD + Return";
          }).float
          "hl.dsp.window.float()"
        )
        (bind
          ({
            browser = "MOD + B";
            calculator = "MOD + equal";
            clipboard = "MOD + V";
            close = "MOD + Q";
            colorPicker = "MOD + P";
            editor = "MOD + SHIFT + Return";
            exit = "MOD + SHIFT + Q";
            fileManager = "MOD + E";
            float = "MOD + T";
            focusDown = "MOD + J";
            focusLeft = "MOD + H";
            focusRight = "MOD + L";
            focusUp = "MOD + K";
            fullscreen = "MOD + F";
            gameModeOff = "MOD + CTRL + ALT + G";
            gameModeOn = "MOD + CTRL + G";
            launcher = "MOD + Space";
            lock = "MOD + CTRL + L";
            maximize = "MOD + M";
            moveDown = "MOD + SHIFT + J";
            moveLeft = "MOD + SHIFT + H";
            moveRight = "MOD + SHIFT + L";
            moveUp = "MOD + SHIFT + K";
            screenshot = "Print";
            screenshotScreen = "SHIFT + Print";
            suspend = "MOD + SHIFT + End";
            systemMonitor = "MOD + SHIFT + Escape";
            terminal = "MOD + Return";
          }).exit
          (if withUWSM then exec "uwsm stop" else "hl.dsp.exit()")
        )

        (bind
          ({
            browser = "MOD + B";
            calculator = "MOD + equal";
            clipboard = "MOD + V";
            close = "MOD + Q";
            colorPicker = "MOD + P";
            editor = "MOD + SHIFT + Return";
            exit = "MOD + SHIFT + Q";
            fileManager = "MOD + E";
            float = "MOD + T";
            focusDown = "MOD + J";
            focusLeft = "MOD + H";
            focusRight = "MOD + L";
            focusUp = "MOD + K";
            fullscreen = "MOD + F";
            gameModeOff = "MOD + CTRL + ALT + G";
            gameModeOn = "MOD + CTRL + G";
            launcher = "MOD + Space";
            lock = "MOD + CTRL + L";
            maximize = "MOD + M";
            moveDown = "MOD + SHIFT + J";
            moveLeft = "MOD + SHIFT + H";
            moveRight = "MOD + SHIFT + L";
            moveUp = "MOD + SHIFT + K";
            screenshot = "Print";
            screenshotScreen = "SHIFT + Print";
            suspend = "MOD + SHIFT + End";
            systemMonitor = "MOD + SHIFT + Escape";
            terminal = "MOD + Return";
          }).terminal
          (exec "kitty")
        )
        (bind
          ({
            browser = "MOD + B";
            calculator = "MOD + equal";
            clipboard = "MOD + V";
            close = "MOD + Q";
            colorPicker = "MOD + P";
            editor = "MOD + SHIFT + Return";
            exit = "MOD + SHIFT + Q";
            fileManager = "MOD + E";
            float = "MOD + T";
            focusDown = "MOD + J";
            focusLeft = "MOD + H";
            focusRight = "MOD + L";
            focusUp = "MOD + K";
            fullscreen = "MOD + F";
            gameModeOff = "MOD + CTRL + ALT + G";
            gameModeOn = "MOD + CTRL + G";
            launcher = "MOD + Space";
            lock = "MOD + CTRL + L";
            maximize = "MOD + M";
            moveDown = "MOD + SHIFT + J";
            moveLeft = "MOD + SHIFT + H";
            moveRight = "MOD + SHIFT + L";
            moveUp = "MOD + SHIFT + K";
            screenshot = "Print";
            screenshotScreen = "SHIFT + Print";
            suspend = "MOD + SHIFT + End";
            systemMonitor = "MOD + SHIFT + Escape";
            terminal = "MOD + Return";
          }).editor
          (exec editor)
        )
        (bind
          ({
            browser = "MOD + B";
            calculator = "MOD + equal";
            clipboard = "MOD + V";
            close = "MOD + Q";
            colorPicker = "MOD + P";
            editor = "MOD + SHIFT + Return";
            exit = "MOD + SHIFT + Q";
            fileManager = "MOD + E";
            float = "MOD + T";
            focusDown = "MOD + J";
            focusLeft = "MOD + H";
            focusRight = "MOD + L";
            focusUp = "MOD + K";
            fullscreen = "MOD + F";
            gameModeOff = "MOD + CTRL + ALT + G";
            gameModeOn = "MOD + CTRL + G";
            launcher = "MOD + Space";
            lock = "MOD + CTRL + L";
            maximize = "MOD + M";
            moveDown = "MOD + SHIFT + J";
            moveLeft = "MOD + SHIFT + H";
            moveRight = "MOD + SHIFT + L";
            moveUp = "MOD + SHIFT + K";
            screenshot = "Print";
            screenshotScreen = "SHIFT + Print";
            suspend = "MOD + SHIFT + End";
            systemMonitor = "MOD + SHIFT + Escape";
            terminal = "MOD + Return";
          }).browser
          (exec "firefox")
        )
        (bind
          ({
            browser = "MOD + B";
            calculator = "MOD + equal";
            clipboard = "MOD + V";
            close = "MOD + Q";
            colorPicker = "MOD + P";
            editor = "MOD + SHIFT + Return";
            exit = "MOD + SHIFT + Q";
            fileManager = "MOD + E";
            float = "MOD + T";
            focusDown = "MOD + J";
            focusLeft = "MOD + H";
            focusRight = "MOD + L";
            focusUp = "MOD + K";
            fullscreen = "MOD + F";
            gameModeOff = "MOD + CTRL + ALT + G";
            gameModeOn = "MOD + CTRL + G";
            launcher = "MOD + Space";
            lock = "MOD + CTRL + L";
            maximize = "MOD + M";
            moveDown = "MOD + SHIFT + J";
            moveLeft = "MOD + SHIFT + H";
            moveRight = "MOD + SHIFT + L";
            moveUp = "MOD + SHIFT + K";
            screenshot = "Print";
            screenshotScreen = "SHIFT + Print";
            suspend = "MOD + SHIFT + End";
            systemMonitor = "MOD + SHIFT + Escape";
            terminal = "MOD + Return";
          }).fileManager
          (exec "nautilus")
        )
        (bind
          ({
            browser = "MOD + B";
            calculator = "MOD + equal";
            clipboard = "MOD + V";
            close = "MOD + Q";
            colorPicker = "MOD + P";
            editor = "MOD + SHIFT + Return";
            exit = "MOD + SHIFT + Q";
            fileManager = "MOD + E";
            float = "MOD + T";
            focusDown = "MOD + J";
            focusLeft = "MOD + H";
            focusRight = "MOD + L";
            focusUp = "MOD + K";
            fullscreen = "MOD + F";
            gameModeOff = "MOD + CTRL + ALT + G";
            gameModeOn = "MOD + CTRL + G";
            launcher = "MOD + Space";
            lock = "MOD + CTRL + L";
            maximize = "MOD + M";
            moveDown = "MOD + SHIFT + J";
            moveLeft = "MOD + SHIFT + H";
            moveRight = "MOD + SHIFT + L";
            moveUp = "MOD + SHIFT + K";
            screenshot = "Print";
            screenshotScreen = "SHIFT + Print";
            suspend = "MOD + SHIFT + End";
            systemMonitor = "MOD + SHIFT + Escape";
            terminal = "MOD + Return";
          }).launcher
          (exec launcher.run)
        )
        (bind
          ({
            browser = "MOD + B";
            calculator = "MOD + equal";
            clipboard = "MOD + V";
            close = "MOD + Q";
            colorPicker = "MOD + P";
            editor = "MOD + SHIFT + Return";
            exit = "MOD + SHIFT + Q";
            fileManager = "MOD + E";
            float = "MOD + T";
            focusDown = "MOD + J";
            focusLeft = "MOD + H";
            focusRight = "MOD + L";
            focusUp = "MOD + K";
            fullscreen = "MOD + F";
            gameModeOff = "MOD + CTRL + ALT + G";
            gameModeOn = "MOD + CTRL + G";
            launcher = "MOD + Space";
            lock = "MOD + CTRL + L";
            maximize = "MOD + M";
            moveDown = "MOD + SHIFT + J";
            moveLeft = "MOD + SHIFT + H";
            moveRight = "MOD + SHIFT + L";
            moveUp = "MOD + SHIFT + K";
            screenshot = "Print";
            screenshotScreen = "SHIFT + Print";
            suspend = "MOD + SHIFT + End";
            systemMonitor = "MOD + SHIFT + Escape";
            terminal = "MOD + Return";
          }).clipboard
          (exec (lib.getExe clipboardMenu))
        )
        (bind
          ({
            browser = "MOD + B";
            calculator = "MOD + equal";
            clipboard = "MOD + V";
            close = "MOD + Q";
            colorPicker = "MOD + P";
            editor = "MOD + SHIFT + Return";
            exit = "MOD + SHIFT + Q";
            fileManager = "MOD + E";
            float = "MOD + T";
            focusDown = "MOD + J";
            focusLeft = "MOD + H";
            focusRight = "MOD + L";
            focusUp = "MOD + K";
            fullscreen = "MOD + F";
            gameModeOff = "MOD + CTRL + ALT + G";
            gameModeOn = "MOD + CTRL + G";
            launcher = "MOD + Space";
            lock = "MOD + CTRL + L";
            maximize = "MOD + M";
            moveDown = "MOD + SHIFT + J";
            moveLeft = "MOD + SHIFT + H";
            moveRight = "MOD + SHIFT + L";
            moveUp = "MOD + SHIFT + K";
            screenshot = "Print";
            screenshotScreen = "SHIFT + Print";
            suspend = "MOD + SHIFT + End";
            systemMonitor = "MOD + SHIFT + Escape";
            terminal = "MOD + Return";
          }).calculator
          (exec "qalculate-gtk")
        )
        (bind
          ({
            browser = "MOD + B";
            calculator = "MOD + equal";
            clipboard = "MOD + V";
            close = "MOD + Q";
            colorPicker = "MOD + P";
            editor = "MOD + SHIFT + Return";
            exit = "MOD + SHIFT + Q";
            fileManager = "MOD + E";
            float = "MOD + T";
            focusDown = "MOD + J";
            focusLeft = "MOD + H";
            focusRight = "MOD + L";
            focusUp = "MOD + K";
            fullscreen = "MOD + F";
            gameModeOff = "MOD + CTRL + ALT + G";
            gameModeOn = "MOD + CTRL + G";
            launcher = "MOD + Space";
            lock = "MOD + CTRL + L";
            maximize = "MOD + M";
            moveDown = "MOD + SHIFT + J";
            moveLeft = "MOD + SHIFT + H";
            moveRight = "MOD + SHIFT + L";
            moveUp = "MOD + SHIFT + K";
            screenshot = "Print";
            screenshotScreen = "SHIFT + Print";
            suspend = "MOD + SHIFT + End";
            systemMonitor = "MOD + SHIFT + Escape";
            terminal = "MOD + Return";
          }).systemMonitor
          (exec "resources")
        )
        (bind
          ({
            browser = "MOD + B";
            calculator = "MOD + equal";
            clipboard = "MOD + V";
            close = "MOD + Q";
            colorPicker = "MOD + P";
            editor = "MOD + SHIFT + Return";
            exit = "MOD + SHIFT + Q";
            fileManager = "MOD + E";
            float = "MOD + T";
            focusDown = "MOD + J";
            focusLeft = "MOD + H";
            focusRight = "MOD + L";
            focusUp = "MOD + K";
            fullscreen = "MOD + F";
            gameModeOff = "MOD + CTRL + ALT + G";
            gameModeOn = "MOD + CTRL + G";
            launcher = "MOD + Space";
            lock = "MOD + CTRL + L";
            maximize = "MOD + M";
            moveDown = "MOD + SHIFT + J";
            moveLeft = "MOD + SHIFT + H";
            moveRight = "MOD + SHIFT + L";
            moveUp = "MOD + SHIFT + K";
            screenshot = "Print";
            screenshotScreen = "SHIFT + Print";
            suspend = "MOD + SHIFT + End";
            systemMonitor = "MOD + SHIFT + Escape";
            terminal = "MOD + Return";
          }).lock
          (exec "loginctl lock-session")
        )
        (bind
          ({
            browser = "MOD + B";
            calculator = "MOD + equal";
            clipboard = "MOD + V";
            close = "MOD + Q";
            colorPicker = "MOD + P";
            editor = "MOD + SHIFT + Return";
            exit = "MOD + SHIFT + Q";
            fileManager = "MOD + E";
            float = "MOD + T";
            focusDown = "MOD + J";
            focusLeft = "MOD + H";
            focusRight = "MOD + L";
            focusUp = "MOD + K";
            fullscreen = "MOD + F";
            gameModeOff = "MOD + CTRL + ALT + G";
            gameModeOn = "MOD + CTRL + G";
            launcher = "MOD + Space";
            lock = "MOD + CTRL + L";
            maximize = "MOD + M";
            moveDown = "MOD + SHIFT + J";
            moveLeft = "MOD + SHIFT + H";
            moveRight = "MOD + SHIFT + L";
            moveUp = "MOD + SHIFT + K";
            screenshot = "Print";
            screenshotScreen = "SHIFT + Print";
            suspend = "MOD + SHIFT + End";
            systemMonitor = "MOD + SHIFT + Escape";
            terminal = "MOD + Return";
          }).suspend
          (exec "systemctl suspend")
        )
        (bind
          ({
            browser = "MOD + B";
            calculator = "MOD + equal";
            clipboard = "MOD + V";
            close = "MOD + Q";
            colorPicker = "MOD + P";
            editor = "MOD + SHIFT + Return";
            exit = "MOD + SHIFT + Q";
            fileManager = "MOD + E";
            float = "MOD + T";
            focusDown = "MOD + J";
            focusLeft = "MOD + H";
            focusRight = "MOD + L";
            focusUp = "MOD + K";
            fullscreen = "MOD + F";
            gameModeOff = "MOD + CTRL + ALT + G";
            gameModeOn = "MOD + CTRL + G";
            launcher = "MOD + Space";
            lock = "MOD + CTRL + L";
            maximize = "MOD + M";
            moveDown = "MOD + SHIFT + J";
            moveLeft = "MOD + SHIFT + H";
            moveRight = "MOD + SHIFT + L";
            moveUp = "MOD + SHIFT + K";
            screenshot = "Print";
            screenshotScreen = "SHIFT + Print";
            suspend = "MOD + SHIFT + End";
            systemMonitor = "MOD + SHIFT + Escape";
            terminal = "MOD + Return";
          }).gameModeOn
          (exec "${lib.getExe gameMode} on")
        )
        (bind
          ({
            browser = "MOD + B";
            calculator = "MOD + equal";
            clipboard = "MOD + V";
            close = "MOD + Q";
            colorPicker = "MOD + P";
            editor = "MOD + SHIFT + Return";
            exit = "MOD + SHIFT + Q";
            fileManager = "MOD + E";
            float = "MOD + T";
            focusDown = "MOD + J";
            focusLeft = "MOD + H";
            focusRight = "MOD + L";
            focusUp = "MOD + K";
            fullscreen = "MOD + F";
            gameModeOff = "MOD + CTRL + ALT + G";
            gameModeOn = "MOD + CTRL + G";
            launcher = "MOD + Space";
            lock = "MOD + CTRL + L";
            maximize = "MOD + M";
            moveDown = "MOD + SHIFT + J";
            moveLeft = "MOD + SHIFT + H";
            moveRight = "MOD + SHIFT + L";
            moveUp = "MOD + SHIFT + K";
            screenshot = "Print";
            screenshotScreen = "SHIFT + Print";
            suspend = "MOD + SHIFT + End";
            systemMonitor = "MOD + SHIFT + Escape";
            terminal = "MOD + Return";
          }).gameModeOff
          (exec "${lib.getExe gameMode} off")
        )
        (bind
          ({
            browser = "MOD + B";
            calculator = "MOD + equal";
            clipboard = "MOD + V";
            close = "MOD + Q";
            colorPicker = "MOD + P";
            editor = "MOD + SHIFT + Return";
            exit = "MOD + SHIFT + Q";
            fileManager = "MOD + E";
            float = "MOD + T";
            focusDown = "MOD + J";
            focusLeft = "MOD + H";
            focusRight = "MOD + L";
            focusUp = "MOD + K";
            fullscreen = "MOD + F";
            gameModeOff = "MOD + CTRL + ALT + G";
            gameModeOn = "MOD + CTRL + G";
            launcher = "MOD + Space";
            lock = "MOD + CTRL + L";
            maximize = "MOD + M";
            moveDown = "MOD + SHIFT + J";
            moveLeft = "MOD + SHIFT + H";
            moveRight = "MOD + SHIFT + L";
            moveUp = "MOD + SHIFT + K";
            screenshot = "Print";
            screenshotScreen = "SHIFT + Print";
            suspend = "MOD + SHIFT + End";
            systemMonitor = "MOD + SHIFT + Escape";
            terminal = "MOD + Return";
          }).screenshot
          (exec "${grimblast} --notify copysave area")
        )
        (bind
          ({
            browser = "MOD + B";
            calculator = "MOD + equal";
            clipboard = "MOD + V";
            close = "MOD + Q";
            colorPicker = "MOD + P";
            editor = "MOD + SHIFT + Return";
            exit = "MOD + SHIFT + Q";
            fileManager = "MOD + E";
            float = "MOD + T";
            focusDown = "MOD + J";
            focusLeft = "MOD + H";
            focusRight = "MOD + L";
            focusUp = "MOD + K";
            fullscreen = "MOD + F";
            gameModeOff = "MOD + CTRL + ALT + G";
            gameModeOn = "MOD + CTRL + G";
            launcher = "MOD + Space";
            lock = "MOD + CTRL + L";
            maximize = "MOD + M";
            moveDown = "MOD + SHIFT + J";
            moveLeft = "MOD + SHIFT + H";
            moveRight = "MOD + SHIFT + L";
            moveUp = "MOD + SHIFT + K";
            screenshot = "Print";
            screenshotScreen = "SHIFT + Print";
            suspend = "MOD + SHIFT + End";
            systemMonitor = "MOD + SHIFT + Escape";
            terminal = "MOD + Return";
          }).screenshotScreen
          (exec "${grimblast} --notify copysave output")
        )
        (bind
          ({
            browser = "MOD + B";
            calculator = "MOD + equal";
            clipboard = "MOD + V";
            close = "MOD + Q";
            colorPicker = "MOD + P";
            editor = "MOD + SHIFT + Return";
            exit = "MOD + SHIFT + Q";
            fileManager = "MOD + E";
            float = "MOD + T";
            focusDown = "MOD + J";
            focusLeft = "MOD + H";
            focusRight = "MOD + L";
            focusUp = "MOD + K";
            fullscreen = "MOD + F";
            gameModeOff = "MOD + CTRL + ALT + G";
            gameModeOn = "MOD + CTRL + G";
            launcher = "MOD + Space";
            lock = "MOD + CTRL + L";
            maximize = "MOD + M";
            moveDown = "MOD + SHIFT + J";
            moveLeft = "MOD + SHIFT + H";
            moveRight = "MOD + SHIFT + L";
            moveUp = "MOD + SHIFT + K";
            screenshot = "Print";
            screenshotScreen = "SHIFT + Print";
            suspend = "MOD + SHIFT + End";
            systemMonitor = "MOD + SHIFT + Escape";
            terminal = "MOD + Return";
          }).colorPicker
          (exec "${lib.getExe pkgs.hyprpicker} --autocopy")
        )

        (bind "MOD + S" "hl.dsp.workspace.toggle_special(\"scratch\")")
        (bind "MOD + SHIFT + S" "hl.dsp.window.move({ workspace = \"special:scratch\" })")
        (bind "MOD + mouse_down" "hl.dsp.focus({ workspace = \"e+1\" })")
        (bind "MOD + mouse_up" "hl.dsp.focus({ workspace = \"e-1\" })")
        (bindWith { mouse = true; } "MOD + mouse:272" "hl.dsp.window.drag()")
        (bindWith { mouse = true; } "MOD + mouse:273" "hl.dsp.window.resize()")
      ]
      ++
        lib.mapAttrsToList
          (
            arrow: by:
            bindWith { repeating = true; } "MOD + ${arrow}" "hl.dsp.window.resize({ ${by}, relative = true })"
          )
          {
            left = "x = -40, y = 0";
            right = "x = 40, y = 0";
            up = "x = 0, y = -40";
            down = "x = 0, y = 40";
          }
      ++ workspaces
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
      ]
      ++ lib.mapAttrsToList (keys: command: bind keys (exec command)) { };
    };

    extraConfig = "";
  };
}

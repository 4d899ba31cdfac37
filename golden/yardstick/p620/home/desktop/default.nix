{
  config,
  lib,
  pkgs,
  root,
  ...
}:
let
  inherit (config.home) homeDirectory;
in
{
  imports = [
    ./hyprland.nix
    ./lock.nix
    ./waybar.nix
    ./programs.nix
  ];

  home = {
    pointerCursor = {
      enable = true;
      name = "Bibata-Modern-Classic";
      package = pkgs.bibata-cursors;
      size = 24;
      gtk.enable = true;
      hyprcursor.enable = true;
      x11.enable = true;
    };
    sessionVariables.TERMINAL = "kitty";
  };

  dconf.settings."org/gnome/desktop/interface".color-scheme = "prefer-dark";

  gtk = {
    enable = true;
    colorScheme = "dark";
    theme = {
      name = "adw-gtk3-dark";
      package = pkgs.adw-gtk3;
    };
    # libadwaita programs follow the colour scheme only.
    gtk4.theme = null;
    iconTheme = {
      name = "Papirus-Dark";
      package = pkgs.papirus-icon-theme;
    };
    font = {
      name = "Inter";
      package = pkgs.inter;
      size = 11;
    };
  };

  qt = {
    enable = true;
    platformTheme.name = "adwaita";
    style.name = "adwaita-dark";
  };

  services.mako = {
    enable = true;
    settings = {
      anchor = "top-right";
      background-color = "#1e1e2ef0";
      border-color = "#89b4fa";
      border-radius = 8;
      border-size = 2;
      default-timeout = 6000;
      font = "Inter 11";
      width = 360;
      max-visible = 5;
      padding = "10";
      text-color = "#cdd6f4";
      "urgency=critical" = {
        border-color = "#f38ba8";
        default-timeout = 0;
      };
      "mode=do-not-disturb".invisible = 1;
    };
  };

  systemd.user.services.swaybg = {
    Unit = {
      Description = "Wallpaper";
      ConditionEnvironment = "WAYLAND_DISPLAY";
      After = [ "graphical-session.target" ];
      PartOf = [ "graphical-session.target" ];
    };
    Service = {
      ExecStart = "${lib.getExe pkgs.swaybg} --color '#1e1e2e' --image ${
        root + "/custom/assets/wallpaper.png"
      } --mode fill";
      Restart = "on-failure";
      RestartSec = 2;
      LockPersonality = true;
      MemoryDenyWriteExecute = true;
      NoNewPrivileges = true;
      RestrictAddressFamilies = [ "AF_UNIX" ];
      RestrictNamespaces = true;
      SystemCallArchitectures = "native";
    };
    Install.WantedBy = [ "graphical-session.target" ];
  };

  xdg = {
    enable = true;
    userDirs = {
      enable = true;
      createDirectories = true;
      setSessionVariables = false;
      desktop = "${homeDirectory}/Desktop";
      documents = "${homeDirectory}/Documents";
      download = "${homeDirectory}/Downloads";
      music = "${homeDirectory}/Music";
      pictures = "${homeDirectory}/Pictures";
      projects = "${homeDirectory}/Projects";
      publicShare = null;
      templates = null;
      videos = "${homeDirectory}/Videos";
      extraConfig.SCREENSHOTS = "${homeDirectory}/Pictures/Screenshots";
    };
    mimeApps = {
      enable = true;
      defaultApplications = {
        "inode/directory" = [ "org.gnome.Nautilus.desktop" ];

        "application/pdf" = [ "org.pwmt.zathura.desktop" ];

        "application/xhtml+xml" = [ "firefox.desktop" ];
        "text/html" = [ "firefox.desktop" ];
        "x-scheme-handler/http" = [ "firefox.desktop" ];
        "x-scheme-handler/https" = [ "firefox.desktop" ];

        "message/rfc822" = [ "thunderbird.desktop" ];
        "x-scheme-handler/mailto" = [ "thunderbird.desktop" ];
        "x-scheme-handler/mid" = [ "thunderbird.desktop" ];

        "application/vnd.ms-excel" = [ "calc.desktop" ];
        "application/vnd.oasis.opendocument.spreadsheet" = [ "calc.desktop" ];
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" = [ "calc.desktop" ];
        "text/csv" = [ "calc.desktop" ];

        "application/vnd.ms-powerpoint" = [ "impress.desktop" ];
        "application/vnd.oasis.opendocument.presentation" = [ "impress.desktop" ];
        "application/vnd.openxmlformats-officedocument.presentationml.presentation" = [
          "impress.desktop"
        ];

        "application/msword" = [ "writer.desktop" ];
        "application/rtf" = [ "writer.desktop" ];
        "application/vnd.oasis.opendocument.text" = [ "writer.desktop" ];
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document" = [ "writer.desktop" ];
      };
    };
  };
}

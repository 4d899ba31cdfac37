{ pkgs, ... }:
{
  home.packages = [
    pkgs.libreoffice
    pkgs.hunspell
    pkgs.hunspellDicts.en_GB-ise
    pkgs.hunspellDicts.en_US
    pkgs.libnotify
  ];

  programs = {
    firefox = {
      enable = true;
      configPath = ".mozilla/firefox";

      policies = {
        DisableFirefoxStudies = true;
        DisableTelemetry = true;
        DisablePocket = true;
        DontCheckDefaultBrowser = true;
        DNSOverHTTPS = {
          Enabled = false;
          Locked = false;
        };
        ExtensionSettings."uBlock0@raymondhill.net" = {
          installation_mode = "normal_installed";
          install_url = "https://addons.mozilla.org/firefox/downloads/latest/ublock-origin/latest.xpi";
        };
        OfferToSaveLogins = false;
        PasswordManagerEnabled = false;
      };

      profiles.default = {
        search = {
          default = "ddg";
          privateDefault = "ddg";
          force = true;
        };
        settings = {
          "browser.aboutConfig.showWarning" = false;
          "browser.contentblocking.category" = "strict";
          "browser.newtabpage.activity-stream.showSponsored" = false;
          "browser.newtabpage.activity-stream.showSponsoredTopSites" = false;
          "browser.startup.homepage" = "about:home";
          "browser.startup.page" = 3;
          "browser.urlbar.suggest.quicksuggest.sponsored" = false;
          "dom.security.https_only_mode" = true;
          "media.ffmpeg.vaapi.enabled" = true;
          "privacy.globalprivacycontrol.enabled" = true;
        };
      };
    };

    fuzzel = {
      enable = true;
      settings = {
        main = {
          font = "JetBrainsMono Nerd Font:size=12";
          icon-theme = "Papirus-Dark";
          lines = 12;
          terminal = "kitty";
          width = 40;
        };
        border = {
          radius = 8;
          width = 2;
        };
        colors = {
          background = "1e1e2eee";
          border = "89b4faff";
          input = "cdd6f4ff";
          match = "89b4faff";
          prompt = "89b4faff";
          selection = "89b4faff";
          selection-match = "1e1e2eee";
          selection-text = "1e1e2eee";
          text = "cdd6f4ff";
        };
      };
    };

    kitty = {
      enable = true;
      font = {
        name = "JetBrainsMono Nerd Font";
        size = 11.0;
      };
      themeFile = "Catppuccin-Mocha";
      keybindings = {
        "ctrl+shift+enter" = "new_window_with_cwd";
        "ctrl+shift+t" = "new_tab_with_cwd";
      };
      settings = {
        background_opacity = "1.000000";
        confirm_os_window_close = 0;
        enable_audio_bell = false;
        scrollback_lines = 20000;
        strip_trailing_spaces = "smart";
        tab_bar_style = "powerline";
        update_check_interval = 0;
        window_padding_width = 4;
      };
    };

    mpv = {
      enable = true;
      scripts = [
        pkgs.mpvScripts.mpris
        pkgs.mpvScripts.thumbfast
        pkgs.mpvScripts.uosc
      ];
      config = {
        border = false;
        hwdec = "auto-safe";
        osc = false;
        osd-bar = false;
        save-position-on-quit = true;
        slang = "en";
        vo = "gpu-next";
        volume-max = 130;
        ytdl-format = "bestvideo[height<=1440]+bestaudio/best";
      };
    };

    thunderbird = {
      enable = true;
      profiles.default = {
        isDefault = true;
        settings = {
          "datareporting.healthreport.uploadEnabled" = false;
          "mailnews.message_display.disable_remote_image" = true;
          "privacy.donottrackheader.enabled" = true;
          "toolkit.telemetry.enabled" = false;
        };
      };
    };

    yazi = {
      enable = true;
      shellWrapperName = "y";
      extraPackages = [
        pkgs.ffmpegthumbnailer
        pkgs.poppler-utils
        pkgs._7zz
        pkgs.imagemagick
        pkgs.resvg
      ];
      plugins = { inherit (pkgs.yaziPlugins) full-border git smart-enter; };
      initLua = ''
        require("full-border"):setup()
        require("git"):setup()
      '';
      settings = {
        mgr = {
          show_hidden = false;
          sort_by = "natural";
          sort_dir_first = true;
        };
        plugin.prepend_fetchers = [
          {
            group = "git";
            url = "*";
            run = "git";
          }
          {
            group = "git";
            url = "*/";
            run = "git";
          }
        ];
      };
    };

    zathura = {
      enable = true;
      mappings.i = "recolor";
      options = {
        adjust-open = "width";
        default-bg = "#1e1e2e";
        default-fg = "#cdd6f4";
        font = "monospace normal 11";
        recolor = false;
        recolor-darkcolor = "#cdd6f4";
        recolor-keephue = true;
        recolor-lightcolor = "#1e1e2e";
        selection-clipboard = "clipboard";
      };
    };
  };
}

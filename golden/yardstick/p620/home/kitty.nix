{ config, lib, ... }:
{

  home.sessionVariables = {
    TERMINAL = "kitty";
  };

  programs.kitty = {
    enable = true;
    font = {
      name = "JetBrainsMono Nerd Font";
      size = (11.0);
    };
    themeFile = "Catppuccin-Mocha";
    keybindings = ({
      "ctrl+shift+enter" = "new_window_with_cwd";
      "ctrl+shift+t" = "new_tab_with_cwd";
    });
    settings = lib.mkMerge [
      {
        background_opacity = toString (1.0);
        confirm_os_window_close = 0;
        scrollback_lines = 20000;
        tab_bar_style = "powerline";
        enable_audio_bell = lib.mkDefault false;
        strip_trailing_spaces = lib.mkDefault "smart";
        update_check_interval = 0;
        window_padding_width = lib.mkDefault 4;
      }
      { }
    ];
  };
}

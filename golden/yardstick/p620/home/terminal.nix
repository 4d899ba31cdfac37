{ pkgs, ... }:
{
  programs = {
    tmux = {
      enable = true;
      baseIndex = 1;
      clock24 = true;
      escapeTime = 10;
      focusEvents = true;
      historyLimit = 50000;
      keyMode = "vi";
      mouse = true;
      prefix = "C-a";
      terminal = "tmux-256color";
      plugins = [
        pkgs.tmuxPlugins.sensible
        pkgs.tmuxPlugins.yank
        pkgs.tmuxPlugins.resurrect
        {
          plugin = pkgs.tmuxPlugins.continuum;
          # It hooks itself into the right part, so that must stand before it loads.
          extraConfig = ''
            set -g status-position bottom
            set -g status-left " #S "
            set -g status-right " #h %H:%M "
            set -g @continuum-restore 'on'
            set -g @continuum-save-interval '15'
          '';
        }
      ];
      extraConfig = ''
        set -g renumber-windows on
        set -ga terminal-features ",*:RGB"
        bind | split-window -h -c "#{pane_current_path}"
        bind - split-window -v -c "#{pane_current_path}"
        bind c new-window -c "#{pane_current_path}"

      '';
    };
    zellij = {
      enable = true;
      settings = {
        theme = "catppuccin-mocha";
        copy_on_select = true;
        default_layout = "compact";
        scroll_buffer_size = 50000;
        show_startup_tips = false;
      };
    };
  };
}

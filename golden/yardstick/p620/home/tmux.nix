{
  config,
  lib,
  pkgs,
  ...
}:
let

  quote = text: "\"${lib.escape [ "\\" "\"" "$" ] text}\"";

  statusLine = ''
    set -g status-position bottom
    set -g status-left ${quote " #S "}
    set -g status-right ${quote " #h %H:%M "}
  '';

  # continuum hooks itself into the right part, so that must stand before it loads.
  settings.continuum = statusLine + ''
    set -g @continuum-restore 'on'
    set -g @continuum-save-interval '15'
  '';
in
{

  programs.tmux = {
    enable = true;
    escapeTime = 10;
    historyLimit = 50000;
    keyMode = "vi";
    mouse = true;
    prefix = "C-a";
    terminal = "tmux-256color";
    baseIndex = lib.mkDefault 1;
    clock24 = lib.mkDefault true;
    focusEvents = lib.mkDefault true;
    plugins =
      map
        (name: {
          plugin = pkgs.tmuxPlugins.${name};
          extraConfig = settings.${name} or "";
        })
        [
          "sensible"
          "yank"
          "resurrect"
          "continuum"
        ];
    extraConfig = lib.mkMerge [
      ''
        set -g renumber-windows on
        set -ga terminal-features ",*:RGB"
        bind | split-window -h -c "#{pane_current_path}"
        bind - split-window -v -c "#{pane_current_path}"
        bind c new-window -c "#{pane_current_path}"
      ''
      (lib.mkAfter "")
    ];
  };
}

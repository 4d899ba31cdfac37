{ config, pkgs, ... }:
{
  home = {
    packages = [
      pkgs.jq
      pkgs.yq-go
      pkgs.dust
      pkgs.duf
      pkgs.procs
      pkgs.sd
      pkgs.hyperfine
      pkgs.file
      pkgs.unzip
      pkgs.tree
    ];
    sessionVariables = {
      MANPAGER = "sh -c 'col -bx | bat -l man -p'";
      MANROFFOPT = "-c";
    };
  };

  programs = {
    atuin = {
      enable = true;
      daemon.enable = true;
      flags = [ "--disable-up-arrow" ];
      settings = {
        auto_sync = false;
        enter_accept = false;
        filter_mode = "global";
        inline_height = 20;
        search_mode = "fuzzy";
        secrets_filter = true;
        sync_address = "https://api.atuin.sh";
        sync_frequency = "10m";
        update_check = false;
      };
    };
    bat = {
      enable = true;
      config = {
        theme = "ansi";
        style = "numbers,changes,header";
      };
    };
    btop = {
      enable = true;
      package = pkgs.btop-rocm;
      settings = {
        color_theme = "Default";
        proc_sorting = "cpu lazy";
        shown_boxes = "cpu mem net proc";
        theme_background = false;
        update_ms = 1000;
        vim_keys = true;
      };
    };
    eza = {
      enable = true;
      git = true;
      icons = "auto";
      extraOptions = [ "--group-directories-first" ];
    };
    fd = {
      enable = true;
      ignores = [
        ".git/"
        "node_modules/"
      ];
    };
    fzf = {
      enable = true;
      defaultOptions = [
        "--height=40%"
        "--layout=reverse"
        "--border"
      ];
      defaultCommand = "fd --type f --hidden --exclude .git";
      fileWidget.command = "fd --type f --hidden --exclude .git";
      changeDirWidget.command = "fd --type d --hidden --exclude .git";
      # Ctrl-R is atuin's.
      historyWidget.command = "";
    };
    ripgrep = {
      enable = true;
      arguments = [
        "--smart-case"
        "--hidden"
        "--glob=!.git/*"
      ];
    };
    starship = {
      enable = true;
      settings = {
        add_newline = true;
        cmd_duration.min_time = 2000;
        command_timeout = 800;
        directory = {
          truncation_length = 4;
          truncate_to_repo = true;
        };
        kubernetes.disabled = true;
        nix_shell.heuristic = true;
      };
    };
    tealdeer = {
      enable = true;
      settings.updates.auto_update = true;
    };
    zoxide.enable = true;
    zsh = {
      enable = true;
      autocd = true;
      autosuggestion.enable = true;
      defaultKeymap = "emacs";
      dotDir = "${config.xdg.configHome}/zsh";
      history = {
        expireDuplicatesFirst = true;
        extended = true;
        ignoreAllDups = true;
        ignorePatterns = [
          "rm *"
          "pkill *"
          "kill *"
        ];
        path = "${config.xdg.stateHome}/zsh/history";
        save = 100000;
        size = 50000;
      };
      historySubstringSearch.enable = true;
      shellAliases = {
        ".." = "cd ..";
        "..." = "cd ../..";
        cp = "cp -iv";
        df = "df -h";
        g = "git";
        ip = "ip --color=auto";
        mv = "mv -iv";
      };
      syntaxHighlighting.enable = true;
    };
  };
}

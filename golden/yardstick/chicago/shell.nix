{ config, pkgs, ... }:
{
  home.packages = [
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

  home.sessionVariables = {
    MANPAGER = "sh -c 'col -bx | bat -l man -p'";
    MANROFFOPT = "-c";
  };

  programs.bat = {
    enable = true;
    config = {
      theme = "ansi";
      style = "numbers,changes,header";
    };
  };

  programs.eza = {
    enable = true;
    git = true;
    icons = "auto";
    extraOptions = [ "--group-directories-first" ];
  };

  programs.fzf = {
    enable = true;
    defaultOptions = [
      "--height=40%"
      "--layout=reverse"
      "--border"
    ];
    defaultCommand = "fd --type f --hidden --exclude .git";
    fileWidget.command = "fd --type f --hidden --exclude .git";
    changeDirWidget.command = "fd --type d --hidden --exclude .git";
  };

  programs.ripgrep = {
    enable = true;
    arguments = [
      "--smart-case"
      "--hidden"
      "--glob=!.git/*"
    ];
  };

  programs.fd = {
    enable = true;
    ignores = [
      ".git/"
      "node_modules/"
    ];
  };

  programs.zoxide.enable = true;

  programs.tealdeer = {
    enable = true;
    settings.updates.auto_update = true;
  };

  programs.starship = {
    enable = true;
    settings = {
      add_newline = true;
      command_timeout = 800;
      kubernetes.disabled = true;
      directory = {
        truncation_length = 4;
        truncate_to_repo = true;
      };
      nix_shell.heuristic = true;
      cmd_duration.min_time = 2000;
    };
  };

  programs.zsh = {
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
}

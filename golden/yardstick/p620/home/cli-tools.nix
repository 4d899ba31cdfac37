{
  config,
  lib,
  pkgs,
  ...
}:
{

  home.packages = ([
    (pkgs.jq)
    (pkgs.yq-go)
    (pkgs.dust)
    (pkgs.duf)
    (pkgs.procs)
    (pkgs.sd)
    (pkgs.hyperfine)
    (pkgs.file)
    (pkgs.unzip)
    (pkgs.tree)
  ]);

  programs.bat = {
    enable = true;
    config = {
      theme = "ansi";
      style = lib.mkDefault "numbers,changes,header";
    };
  };

  home.sessionVariables = {
    MANPAGER = lib.mkDefault "sh -c 'col -bx | bat -l man -p'";
    MANROFFOPT = lib.mkDefault "-c";
  };

  programs.eza = {
    enable = true;
    git = lib.mkDefault true;
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
    # Both would take Ctrl-R; atuin has it where it is enabled.
    historyWidget.command = "";
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

  programs.zoxide = {
    enable = true;
  };

  programs.tealdeer = {
    enable = true;
    settings.updates.auto_update = lib.mkDefault true;
  };
}

{ config, lib, ... }:
{

  programs.zsh = {
    enable = true;
    autocd = true;
    autosuggestion.enable = true;
    defaultKeymap = "emacs";
    dotDir = "${config.xdg.configHome}/zsh";
    enableCompletion = true;
    history = {
      expireDuplicatesFirst = lib.mkDefault true;
      extended = lib.mkDefault true;
      ignoreAllDups = lib.mkDefault true;
      ignorePatterns = [
        "rm *"
        "pkill *"
        "kill *"
      ];
      ignoreSpace = lib.mkDefault true;
      path = "${config.xdg.stateHome}/zsh/history";
      save = 100000;
      share = true;
      size = 50000;
    };
    historySubstringSearch.enable = true;
    sessionVariables = { };
    shellAliases = ({
      ".." = "cd ..";
      "..." = "cd ../..";
      cp = "cp -iv";
      df = "df -h";
      g = "git";
      ip = "ip --color=auto";
      mv = "mv -iv";
    });
    shellGlobalAliases = { };
    syntaxHighlighting.enable = true;
  };
}

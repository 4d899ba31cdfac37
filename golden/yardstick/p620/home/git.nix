{ config, lib, ... }:
{

  programs.git = {
    enable = true;
    ignores = [
      "*~"
      "*.swp"
      ".DS_Store"
      ".direnv/"
      ".envrc.local"
      "result"
      "result-*"
    ];
    lfs.enable = false;
    signing = {
      format = "ssh";
      key = null;
      signByDefault = false;
    };
    maintenance = {
      enable = false;
      repositories = [ ];
    };
    settings = lib.mkMerge [
      {
        alias = ({
          amend = "commit --amend --no-edit";
          br = "branch --sort=-committerdate";
          ci = "commit";
          co = "checkout";
          last = "log -1 HEAD --stat";
          lg = "log --graph --abbrev-commit --decorate --date=relative";
          st = "status --short --branch";
          sw = "switch";
          unstage = "restore --staged";
        });
        init.defaultBranch = "main";
        pull.rebase = true;
        branch.sort = lib.mkDefault "-committerdate";
        commit.verbose = lib.mkDefault true;
        diff = {
          algorithm = lib.mkDefault "histogram";
          colorMoved = lib.mkDefault "default";
        };
        fetch.prune = lib.mkDefault true;
        merge.conflictStyle = lib.mkDefault "zdiff3";
        push.autoSetupRemote = lib.mkDefault true;
        rebase = {
          autoSquash = lib.mkDefault true;
          autoStash = lib.mkDefault true;
        };
        rerere.enabled = lib.mkDefault true;
      }
      { }
    ];
  };

  programs.delta = {
    enable = true;
    enableGitIntegration = true;
    options = {
      navigate = lib.mkDefault true;
      line-numbers = lib.mkDefault true;
    };
  };
}

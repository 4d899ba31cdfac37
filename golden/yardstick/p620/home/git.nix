{ pkgs, ... }:
{
  programs = {
    delta = {
      enable = true;
      enableGitIntegration = true;
      options = {
        navigate = true;
        line-numbers = true;
      };
    };

    gh = {
      enable = true;
      extensions = [ pkgs.gh-dash ];
      settings = {
        aliases = {
          co = "pr checkout";
          prs = "pr list --author @me";
          pv = "pr view";
        };
        git_protocol = "ssh";
        version = "1";
      };
    };

    git = {
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
      signing = {
        format = "ssh";
        signByDefault = false;
      };
      settings = {
        alias = {
          amend = "commit --amend --no-edit";
          br = "branch --sort=-committerdate";
          ci = "commit";
          co = "checkout";
          last = "log -1 HEAD --stat";
          lg = "log --graph --abbrev-commit --decorate --date=relative";
          st = "status --short --branch";
          sw = "switch";
          unstage = "restore --staged";
        };
        branch.sort = "-committerdate";
        commit.verbose = true;
        diff = {
          algorithm = "histogram";
          colorMoved = "default";
        };
        fetch.prune = true;
        init.defaultBranch = "main";
        merge.conflictStyle = "zdiff3";
        pull.rebase = true;
        push.autoSetupRemote = true;
        rebase = {
          autoSquash = true;
          autoStash = true;
        };
        rerere.enabled = true;
      };
    };
  };
}

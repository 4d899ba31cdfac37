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
    signing = {
      format = "ssh";
      key = "~/.ssh/id_ed25519.pub";
      signByDefault = true;
    };
    settings = {
      user = {
        name = "Alice Example";
        email = "alice@example.org";
      };
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
      init.defaultBranch = "main";
      pull.rebase = true;
      branch.sort = "-committerdate";
      commit.verbose = true;
      diff = {
        algorithm = "histogram";
        colorMoved = "default";
      };
      fetch.prune = true;
      merge.conflictStyle = "zdiff3";
      push.autoSetupRemote = true;
      rebase = {
        autoSquash = true;
        autoStash = true;
      };
      rerere.enabled = true;
    };
  };

  programs.delta = {
    enable = true;
    enableGitIntegration = true;
    options = {
      navigate = true;
      line-numbers = true;
    };
  };

  services.ssh-agent.enable = true;

  programs.ssh = {
    enable = true;
    enableDefaultConfig = false;
    settings."*" = {
      AddKeysToAgent = "yes";
      ControlMaster = "auto";
      ControlPath = "~/.ssh/master-%C";
      ControlPersist = "10m";
      ForwardAgent = false;
      HashKnownHosts = true;
      ServerAliveCountMax = 3;
      ServerAliveInterval = 30;
      UserKnownHostsFile = "~/.ssh/known_hosts";
    };
  };
}

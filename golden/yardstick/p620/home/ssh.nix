{
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

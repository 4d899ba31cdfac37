{
  home.username = "bob";
  home.homeDirectory = "/home/bob";
  home.stateVersion = "25.11";
  programs.bat.enable = true;
}

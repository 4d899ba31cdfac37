{ pkgs, editor, ... }:
{
  home.username = "alice";
  home.homeDirectory = "/home/alice";
  home.stateVersion = "25.11";
  home.packages = [ pkgs.ripgrep ];
  home.sessionVariables.EDITOR = editor;
  programs.git = {
    enable = true;
    settings.user.name = "Alice Example";
  };
  xdg.configFile."greeting".text = "hello from ${editor}";
}

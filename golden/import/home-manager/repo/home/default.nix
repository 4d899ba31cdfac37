{ config, pkgs, ... }:
{
  imports = [ ./git.nix ./shell.nix ];
  home.username = "alice";
  home.homeDirectory = "/home/alice";
  home.packages = with pkgs; [ fd ripgrep ];
  home.file.".config/example/settings.toml".source = ./settings.toml;
  home.sessionPath = [ "${config.home.homeDirectory}/bin" ];
  home.stateVersion = "24.11";
}

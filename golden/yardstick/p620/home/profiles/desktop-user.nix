# desktop-user: A graphical session at a desk; extends base.
{ lib, ... }:
{
  imports = [
    ../thunderbird.nix
    ../hypridle-lock.nix
    ../hyprland-config.nix
    ../launcher.nix
    ../notifications.nix
    ../wallpaper.nix
    ../waybar.nix
    ../xdg.nix
    ../git.nix
    ../libreoffice.nix
    ../zathura.nix
    ../btop.nix
    ../firefox.nix
    ../mpv.nix
    ../ssh.nix
    ../yazi.nix
    ../cli-tools.nix
    ../starship.nix
    ../tmux.nix
    ../zsh.nix
    ../kitty.nix
    ../gtk.nix
  ];

}

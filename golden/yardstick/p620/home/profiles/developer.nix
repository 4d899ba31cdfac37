# developer: Writing software; extends base.
{ lib, pkgs, ... }:
{
  imports = [
    ../containers.nix
    ../kubernetes.nix
    ../terraform.nix
    ../c-cpp.nix
    ../direnv.nix
    ../gh.nix
    ../git.nix
    ../go.nix
    ../java.nix
    ../lua.nix
    ../nix.nix
    ../nodejs.nix
    ../python.nix
    ../rust.nix
    ../emacs.nix
    ../neovim.nix
    ../vscode.nix
    ../btop.nix
    ../ssh.nix
    ../atuin.nix
    ../cli-tools.nix
    ../starship.nix
    ../tmux.nix
    ../zellij.nix
    ../zsh.nix
  ];

  home.packages = [
    pkgs.httpie
    pkgs.jq
    pkgs.just
    pkgs.shellcheck
  ];
}

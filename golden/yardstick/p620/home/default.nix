{ pkgs, ... }:
{
  imports = [
    ./cloud.nix
    ./languages.nix
    ./git.nix
    ./emacs.nix
    ./neovim.nix
    ./vscode.nix
    ./shell.nix
    ./terminal.nix
    ./ssh.nix
  ];

  home = {
    stateVersion = "25.11";
    packages = [
      pkgs.httpie
      pkgs.jq
      pkgs.just
      pkgs.shellcheck
    ];
  };
}

{ lib, ... }:
let
  aliases = lib.genAttrs [ "ll" "la" ] (name: "ls -${lib.removePrefix "l" name}");
in
{
  programs.fish.enable = true;
  programs.fish.shellAliases = aliases;
  programs.fish.interactiveShellInit = ''
    set -g fish_greeting
    # Two lines: and a colon.
  '';
}

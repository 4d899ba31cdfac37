{ lib, ... }:
let
  aliases = lib.genAttrs [ "ll" "la" ] (name: "ls -${lib.removePrefix "l" name}");
in
{
  programs.fish.shellAliases = aliases;
}

# Whether claims about faults hold, asked of the module system and of nixpkgs themselves.
#
# A claim about an option is true when what is said to be sound can be read and what is said to be a
# fault cannot. What cannot be told this way (a sound value that needs others beside it) is null.
{
  # Input name -> flake.
  inputs,
  claims,
}:
let
  inherit (inputs.nixpkgs) lib;
  inherit (builtins) tryEval;

  system = "x86_64-linux";
  pkgs = import inputs.nixpkgs {
    inherit system;
    config.allowAliases = false;
    overlays = [ ];
  };

  nixos =
    (lib.nixosSystem {
      inherit system;
      modules = [
        inputs.home-manager.nixosModules.home-manager
        inputs.agenix.nixosModules.default
        inputs.sops-nix.nixosModules.sops
        inputs.disko.nixosModules.disko
        inputs.impermanence.nixosModules.impermanence
        inputs.microvm.nixosModules.host
        { system.stateVersion = "25.11"; }
      ];
    }).options;

  homeLib = import (inputs.home-manager + "/modules/lib/stdlib-extended.nix") lib;
  home =
    (homeLib.evalModules {
      class = "homeManager";
      specialArgs.modulesPath = toString (inputs.home-manager + "/modules");
      modules =
        import (inputs.home-manager + "/modules/modules.nix") {
          inherit pkgs;
          lib = homeLib;
          check = false;
        }
        ++ [
          inputs.sops-nix.homeManagerModules.sops
          inputs.agenix.homeManagerModules.default
          {
            home = {
              username = "mutant";
              homeDirectory = "/home/mutant";
              stateVersion = "25.11";
            };
          }
        ];
    }).options;

  treeOf = space: if space == "nixos" then nixos else home;

  # The option that a path leads to, with what is left of the path; null where there is none.
  find =
    options: path:
    if path == [ ] then
      null
    else
      let
        here = options.${lib.head path} or null;
      in
      if here == null then
        null
      else if here._type or "" == "option" then
        {
          option = here;
          rest = lib.tail path;
        }
      else
        find here (lib.tail path);

  # Whether a definition can be merged and read.
  takes =
    space: path: value:
    let
      found = find (treeOf space) path;
      inherit (found) option rest;
      merged =
        (lib.mergeDefinitions option.loc option.type [
          {
            file = "claim";
            value = lib.setAttrByPath rest value;
          }
        ]).mergedValue;
      read = lib.foldl' (set: name: set.${name} or null) merged rest;
    in
    found != null && (tryEval (builtins.seq merged (builtins.deepSeq read true))).success;

  # Of an option that stands for itself, not inside another's values.
  ofOption =
    claim: question:
    let
      found = find (treeOf claim.space) claim.path;
    in
    if found == null then
      false
    else if found.rest != [ ] then
      null
    else
      question found.option;
  cannotBuild = name: !(tryEval (builtins.seq pkgs.${name}.drvPath true)).success;

  judge =
    claim:
    {
      noOption =
        if claim.good == [ ] || takes claim.space claim.good claim.value then
          !(takes claim.space claim.path claim.value)
        else
          null;
      noValue =
        if takes claim.space claim.path claim.good then !(takes claim.space claim.path claim.bad) else null;
      removed = ofOption claim (
        option: option ? apply && !(tryEval (builtins.seq (option.apply null) true)).success
      );
      renamed = ofOption claim (option: lib.hasPrefix "Alias of" (option.description or ""));
      noPackage = pkgs ? ${claim.good} && !(pkgs ? ${claim.name});
      unfree = pkgs ? ${claim.name} && cannotBuild claim.name && pkgs.${claim.name}.meta.unfree;
    }
    .${claim.kind};
in
map judge claims

# Calls the flake in `src` with inputs from `pool`, a folder with the tree of each input under the
# input's name, at any depth. Nothing is fetched and no lock file is read.
{ pool, src }:
let
  names = builtins.readDir pool;
  tree = name: builtins.storePath (pool + "/${name}");
  call =
    label: place:
    let
      flake = import (place + "/flake.nix");
      declared = flake.inputs or { };
      wanted = builtins.removeAttrs (builtins.functionArgs flake.outputs // declared) [ "self" ];
      input =
        name: _:
        if !(names ? ${name}) then
          throw "input '${name}' of '${label}' is not among the given inputs"
        else if declared.${name}.flake or true then
          call name (tree name)
        else
          { outPath = tree name; };
      inputs = builtins.mapAttrs input wanted;
      sourceInfo = {
        lastModified = 1;
        lastModifiedDate = "19700101000001";
        narHash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        outPath = place;
      };
      outputs = flake.outputs (inputs // { inherit self; });
      self =
        outputs
        // sourceInfo
        // {
          inherit inputs outputs sourceInfo;
          _type = "flake";
        };
    in
    self;
in
call "the flake" src

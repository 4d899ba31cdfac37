# Brings the trees of locked inputs into the store, so that all else can be read without a network
# and without writing there; says which release of nixpkgs it is.
{
  # Path of flake.lock.
  lock,
  # Names of the nodes that are needed.
  wanted,
  # Input name -> flake.
  inputs,
}:
let
  locked = (builtins.fromJSON (builtins.readFile lock)).nodes;
  tree = name: builtins.fetchTree (removeAttrs locked.${name}.locked [ "dir" ]);
in
{
  trees = map (name: (tree name).outPath) wanted;
  inherit (inputs.nixpkgs.lib.trivial) release;
}

{
  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
    disko.url = "github:nix-community/disko";
    disko.inputs.nixpkgs.follows = "nixpkgs";
  };
  outputs =
    { nixpkgs, disko, ... }:
    let
      host =
        module:
        nixpkgs.lib.nixosSystem {
          system = "x86_64-linux";
          modules = [
            disko.nixosModules.disko
            ./common.nix
            module
          ];
        };
    in
    {
      nixosConfigurations = builtins.mapAttrs (name: _: host ./hosts/${name}.nix) {
        desk = { };
        mirror = { };
        other = { };
        pool = { };
        store = { };
        vault = { };
      };
    };
}

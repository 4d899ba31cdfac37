{
  description = "Two machines and a helper";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
    nixos-hardware.url = "github:NixOS/nixos-hardware";
    impermanence.url = "github:nix-community/impermanence";
  };

  outputs =
    { self, nixpkgs, ... }@inputs:
    let
      mkHost =
        name: extra:
        nixpkgs.lib.nixosSystem {
          specialArgs = {
            inherit inputs;
            fleetUser = "alice";
          };
          modules = [
            ./hosts/${name}
            ./modules/common.nix
            { networking.hostName = name; }
          ]
          ++ extra;
        };
    in
    {
      nixosConfigurations = nixpkgs.lib.mapAttrs mkHost {
        desk = [ inputs.nixos-hardware.nixosModules.common-pc-ssd ];
        rack = [
          inputs.impermanence.nixosModules.impermanence
          ./modules/server.nix
        ];
      };

      formatter.x86_64-linux = nixpkgs.legacyPackages.x86_64-linux.nixfmt;
    };
}

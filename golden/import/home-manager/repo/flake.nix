{
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
  inputs.home-manager = {
    url = "github:nix-community/home-manager";
    inputs.nixpkgs.follows = "nixpkgs";
  };
  outputs = inputs@{ self, nixpkgs, home-manager }: {
    nixosConfigurations = nixpkgs.lib.genAttrs [ "one" "two" ] (
      name:
      nixpkgs.lib.nixosSystem {
        modules = [
          home-manager.nixosModules.home-manager
          ./common.nix
          ./${name}.nix
          {
            networking.hostName = name;
            home-manager.useGlobalPkgs = true;
            home-manager.users.alice = import ./home;
          }
        ];
      }
    );
  };
}

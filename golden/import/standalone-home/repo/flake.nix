{
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
  inputs.home-manager = {
    url = "github:nix-community/home-manager";
    inputs.nixpkgs.follows = "nixpkgs";
  };
  outputs =
    { nixpkgs, home-manager, ... }:
    let
      home =
        modules:
        home-manager.lib.homeManagerConfiguration {
          pkgs = nixpkgs.legacyPackages.x86_64-linux;
          extraSpecialArgs.editor = "nano";
          inherit modules;
        };
    in
    {
      nixosConfigurations.desk = nixpkgs.lib.nixosSystem {
        system = "x86_64-linux";
        modules = [ ./desk.nix ];
      };
      homeConfigurations = {
        alice = home [ ./home ];
        "bob@desk" = home [ ./home/bob.nix ];
        "bob@elsewhere" = home [ ./home ];
        carol = home [ ./home ];
      };
    };
}

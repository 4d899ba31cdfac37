# The trees of options that a fleet sets: NixOS, Home Manager and the guest of microvm.nix, each
# with the modules of the inputs that are there.
{
  # Input name -> flake, as `builtins.getFlake` gives them.
  inputs,
  system,
  # Some defaults depend on these.
  stateVersions,
  # Modules of further inputs for each tree: [ { input = "…"; path = [ "nixosModules" "…" ]; } ].
  extraModules ? { },
  # See options.nix.
  leftOut ? { },
}:
let
  inherit (inputs) nixpkgs;
  inherit (nixpkgs) lib;

  sources = lib.mapAttrs (_: flake: toString flake) (removeAttrs inputs [ "nixpkgs" ]);
  read = import ./options.nix ({ inherit lib sources; } // leftOut);

  module = input: set: name: {
    inherit input;
    path = [
      set
      name
    ];
  };
  # The modules of those inputs that are there. A module that is imported anyhow is not again: one that
  # is a function and not a file would declare everything twice.
  present =
    known: extra:
    let
      isKnown = { input, ... }: lib.any (one: one.input == input) known;
    in
    lib.concatMap (
      { input, path }: lib.optional (inputs ? ${input}) (lib.getAttrFromPath path inputs.${input})
    ) (known ++ lib.filter (one: !(isKnown one)) extra);

  # As a fleet's flake makes its hosts, so that defaults are theirs.
  nixos =
    known: extra:
    (lib.nixosSystem {
      inherit system;
      modules = present known extra ++ [ { system.stateVersion = stateVersions.nixos; } ];
    }).options;

  pkgs = import nixpkgs {
    inherit system;
    config = { };
    overlays = [ ];
  };
in
{
  nixos = read (
    nixos [
      (module "home-manager" "nixosModules" "home-manager")
      (module "agenix" "nixosModules" "default")
      (module "sops-nix" "nixosModules" "sops")
      (module "disko" "nixosModules" "disko")
      (module "impermanence" "nixosModules" "impermanence")
      (module "microvm" "nixosModules" "host")
    ] (extraModules.nixos or [ ])
  );

  home =
    let
      extended = import (inputs.home-manager + "/modules/lib/stdlib-extended.nix") lib;
    in
    lib.optionals (inputs ? home-manager) (
      read
        (extended.evalModules {
          class = "homeManager";
          specialArgs.modulesPath = toString (inputs.home-manager + "/modules");
          modules =
            import (inputs.home-manager + "/modules/modules.nix") {
              inherit pkgs;
              lib = extended;
              check = false;
            }
            ++ present [
              (module "sops-nix" "homeManagerModules" "sops")
              (module "agenix" "homeManagerModules" "default")
            ] (extraModules.home or [ ])
            ++ [
              {
                home = {
                  username = "u";
                  homeDirectory = "/home/u";
                  stateVersion = stateVersions.home;
                };
              }
            ];
        }).options
    );

  # A guest is a NixOS of its own; only what microvm.nix adds differs from a host.
  microvm = lib.optionals (inputs ? microvm) (
    lib.filter (row: row.from or "" == "microvm") (
      read (nixos [ (module "microvm" "nixosModules" "microvm") ] [ ])
    )
  );
}

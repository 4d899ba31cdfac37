# chicago as a person would write it: `cargo xtask yardstick` measures the generated host against it.
# `flake` is the generated flake, whose inputs and encrypted files it uses.
flake:
flake.inputs.nixpkgs.lib.nixosSystem {
  specialArgs = {
    # A path, as `../..` would be in a flake of one's own.
    root = /. + builtins.unsafeDiscardStringContext flake.outPath;
    pkgs-unstable = import flake.inputs.nixpkgs-unstable { system = "x86_64-linux"; };
  };
  modules = [
    ./chicago
    flake.inputs.sops-nix.nixosModules.sops
    flake.inputs.home-manager.nixosModules.home-manager
  ];
}

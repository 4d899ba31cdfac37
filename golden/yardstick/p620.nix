# p620 as a person would write it: `cargo xtask yardstick` measures the generated host against it.
# `flake` is the generated flake, whose inputs, guests, encrypted files and programs it uses.
flake:
flake.inputs.nixpkgs.lib.nixosSystem {
  specialArgs = {
    self = flake;
    # A path, as `../..` would be in a flake of one's own.
    root = /. + builtins.unsafeDiscardStringContext flake.outPath;
  };
  modules = [
    ./p620
    flake.inputs.nixos-hardware.nixosModules.common-pc-ssd
    flake.inputs.disko.nixosModules.disko
    flake.inputs.agenix.nixosModules.default
    flake.inputs.microvm.nixosModules.host
    flake.inputs.home-manager.nixosModules.home-manager
  ];
}

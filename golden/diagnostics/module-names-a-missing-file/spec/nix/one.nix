{
  imports = [
    ./common.nix
    ../../outside.nix
  ];
}

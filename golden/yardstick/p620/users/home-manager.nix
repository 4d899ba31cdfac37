{ root, ... }:
{
  home-manager = {
    # One package set and one profile with the system.
    useGlobalPkgs = true;
    useUserPackages = true;
    extraSpecialArgs = { inherit root; };
  };
}

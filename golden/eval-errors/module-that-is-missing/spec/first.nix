{ lib, ... }:
{
  imports = map (name: ./. + "/${name}.nix") [ "second" ];
}

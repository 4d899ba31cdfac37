# Packages of our own, and changes to those of nixpkgs.
final: prev: {
  greet = final.callPackage ./greet.nix { };
  hello = prev.hello.overrideAttrs { doCheck = false; };
}

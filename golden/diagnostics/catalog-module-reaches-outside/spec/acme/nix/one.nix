{ imports = [ ../../secret.nix ./two.nix ]; }

{ lib, ... }: { home.stateVersion = lib.mkForce "24.11"; }

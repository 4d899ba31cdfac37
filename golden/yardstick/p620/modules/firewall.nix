{ config, lib, ... }:
{

  networking = {
    nftables.enable = true;
    firewall = {
      enable = true;
      allowPing = true;
      pingLimit = "10/second";
      # A default, since nixpkgs' modules that route insist on `loose`.
      checkReversePath = lib.mkDefault "strict";
      logRefusedConnections = false;
      logReversePathDrops = false;
      rejectPackets = false;
      filterForward = false;
      extraInputRules = "";
    };
  };
}

{
  config,
  lib,
  pkgs,
  ...
}:
{

  programs.steam = {
    enable = true;
    extraCompatPackages = ([ (pkgs.proton-ge-bin) ]);
    extraPackages = [ ];
    gamescopeSession.enable = false;
    protontricks.enable = true;
  };
}

{
  config,
  lib,
  pkgs,
  ...
}:
{

  programs.gh = {
    enable = true;
    extensions = ([ (pkgs.gh-dash) ]);
    gitCredentialHelper.enable = true;
    settings = lib.mkMerge [
      {
        aliases = ({
          co = "pr checkout";
          prs = "pr list --author @me";
          pv = "pr view";
        });
        git_protocol = "ssh";
        version = lib.mkDefault "1";
      }
      { }
    ];
  };
}

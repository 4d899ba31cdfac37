{
  config,
  lib,
  pkgs,
  ...
}:
{

  programs.yazi = {
    enable = true;
    shellWrapperName = "y";
    extraPackages = ([
      (pkgs.ffmpegthumbnailer)
      (pkgs.poppler-utils)
      (pkgs._7zz)
      (pkgs.imagemagick)
      (pkgs.resvg)
    ]);
    keymap = { };
    plugins = lib.genAttrs [ "full-border" "git" "smart-enter" ] (name: pkgs.yaziPlugins.${name});
    initLua = ''
      require("full-border"):setup()
    ''
    + ''
      require("git"):setup()
    '';
    settings = lib.mkMerge [
      {
        mgr = {
          show_hidden = false;
          sort_by = "natural";
          sort_dir_first = lib.mkDefault true;
        };
      }
      ({
        plugin.prepend_fetchers = [
          {
            group = "git";
            url = "*";
            run = "git";
          }
          {
            group = "git";
            url = "*/";
            run = "git";
          }
        ];
      })
      { }
    ];
  };
}

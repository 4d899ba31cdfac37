{
  config,
  lib,
  pkgs,
  ...
}:
let

  isTofu = lib.getName (pkgs.opentofu) == "opentofu";
  cache = "${config.xdg.cacheHome}/terraform/plugins";
in
{

  home.packages = [
    (pkgs.opentofu)
  ]
  ++ [ (if isTofu then pkgs.tofu-ls else pkgs.terraform-ls) ]
  ++ [ pkgs.tflint ];

  home.shellAliases = lib.mkMerge [
    { tf = lib.getExe (pkgs.opentofu); }
    (lib.mkIf isTofu { terraform = "tofu"; })
  ];

  home.sessionVariables = lib.mkMerge [
    { CHECKPOINT_DISABLE = "1"; }
    ({ TF_PLUGIN_CACHE_DIR = cache; })
  ];

  # The program does not create the folder itself.
  systemd.user.tmpfiles.rules = [ "d ${cache} 0755 - - - -" ];
}

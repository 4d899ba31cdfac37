{
  config,
  lib,
  pkgs,
  ...
}:
let
  cache = "${config.xdg.cacheHome}/terraform/plugins";
in
{
  home = {
    packages = [
      pkgs.opentofu
      pkgs.tofu-ls
      pkgs.tflint
      pkgs.kubectl
      (pkgs.wrapHelm pkgs.kubernetes-helm { plugins = [ pkgs.kubernetes-helmPlugins.helm-diff ]; })
      pkgs.kubectx
      pkgs.stern
      pkgs.kustomize
      pkgs.dive
      pkgs.skopeo
      pkgs.hadolint
      pkgs.trivy
    ];
    sessionVariables = {
      CHECKPOINT_DISABLE = "1";
      TF_PLUGIN_CACHE_DIR = cache;
    };
    shellAliases = {
      k = "kubectl";
      kd = "kubectl describe";
      kg = "kubectl get";
      kl = "kubectl logs -f";
      kn = "kubens";
      kx = "kubectx";
      terraform = "tofu";
      tf = lib.getExe pkgs.opentofu;
    };
  };

  # The program does not create the folder itself.
  systemd.user.tmpfiles.rules = [ "d ${cache} 0755 - - - -" ];

  programs = {
    k9s = {
      enable = true;
      settings.k9s = {
        readOnly = false;
        skipLatestRevCheck = true;
        ui.enableMouse = true;
      };
    };
    lazydocker.enable = true;
  };
}

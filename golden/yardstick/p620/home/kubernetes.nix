{
  config,
  lib,
  pkgs,
  ...
}:
{

  home.shellAliases = ({
    k = "kubectl";
    kd = "kubectl describe";
    kg = "kubectl get";
    kl = "kubectl logs -f";
    kn = "kubens";
    kx = "kubectx";
  });

  home.packages = [
    pkgs.kubectl
  ]
  ++ [
    (pkgs.wrapHelm pkgs.kubernetes-helm {
      plugins = map (name: pkgs.kubernetes-helmPlugins.${name}) [ "helm-diff" ];
    })
  ]
  ++ [ pkgs.kubectx ]
  ++ [ pkgs.stern ]
  ++ [ pkgs.kustomize ];

  programs.k9s = {
    enable = true;
    settings.k9s = {
      readOnly = false;
      skipLatestRevCheck = true;
      ui.enableMouse = lib.mkDefault true;
    };
  };
}

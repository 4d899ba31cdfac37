{ pkgs, ... }:
{
  programs.emacs = {
    enable = true;
    package = pkgs.emacs-pgtk;
    extraPackages = epkgs: [
      epkgs.magit
      epkgs.which-key
      epkgs.vertico
      epkgs.orderless
      epkgs.marginalia
      epkgs.consult
      epkgs.corfu
      epkgs.envrc
      epkgs.nix-mode
      epkgs.markdown-mode
      epkgs.yaml-mode
      epkgs.treesit-grammars.with-all-grammars
    ];
    extraConfig = ''
      (setq inhibit-startup-screen t
            make-backup-files nil
            use-short-answers t)
      (setq-default indent-tabs-mode nil)
      (global-auto-revert-mode 1)
      (savehist-mode 1)
      (recentf-mode 1)

      (load-theme 'modus-vivendi t)

      (vertico-mode 1)

      (marginalia-mode 1)

      (setq completion-styles '(orderless basic))

      (global-corfu-mode 1)

      (which-key-mode 1)

      (envrc-global-mode 1)

    '';
  };

  services.emacs = {
    enable = true;
    client.enable = true;
    socketActivation.enable = true;
  };
}

{
  config,
  lib,
  pkgs,
  osConfig,
  ...
}:
{

  gtk = {
    enable = true;
    colorScheme = "dark";
    theme = {
      name = "adw-gtk3" + "-dark";
      package = (pkgs.adw-gtk3);
    };
    # libadwaita programs follow the colour scheme only.
    gtk4.theme = null;
    iconTheme = {
      name = "Papirus-Dark";
      package = (pkgs.papirus-icon-theme);
    };
    font = {
      name = "Inter";
      package = (pkgs.inter);
      size = 11;
    };
  };

  home.pointerCursor = {
    enable = true;
    name = "Bibata-Modern-Classic";
    package = (pkgs.bibata-cursors);
    size = 24;
    gtk.enable = true;
    hyprcursor.enable = true;
    x11.enable = true;
  };

  # Without the host's service, writing to dconf fails at activation.
  dconf.enable = lib.mkDefault osConfig.programs.dconf.enable;
  dconf.settings."org/gnome/desktop/interface".color-scheme = "prefer-dark";

  qt = {
    enable = true;
    platformTheme.name = "adwaita";
    style.name = lib.mkMerge [
      "adwaita-dark"
    ];
  };
}

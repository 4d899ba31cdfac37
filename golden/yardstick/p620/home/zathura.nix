{ config, lib, ... }:
{

  programs.zathura = {
    enable = true;
    mappings = ({ i = "recolor"; });
    options = lib.mkMerge [
      {
        adjust-open = "width";
        default-bg = "#1e1e2e";
        default-fg = "#cdd6f4";
        font = "monospace normal 11";
        recolor = false;
        recolor-darkcolor = "#cdd6f4";
        recolor-lightcolor = "#1e1e2e";
        recolor-keephue = lib.mkDefault true;
        selection-clipboard = "clipboard";
      }
      { }
    ];
  };

  xdg.mimeApps = {
    enable = lib.mkDefault true;
    defaultApplications = {
      "application/pdf" = [ "org.pwmt.zathura.desktop" ];
    };
  };
}

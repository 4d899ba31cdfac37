{ config, lib, ... }:
{

  programs.zellij = {
    enable = true;
    attachExistingSession = false;
    enableBashIntegration = false;
    enableFishIntegration = false;
    enableZshIntegration = false;
    settings = lib.mkMerge [
      {
        theme = "catppuccin-mocha";
        copy_on_select = true;
        default_layout = "compact";
        scroll_buffer_size = 50000;
        show_startup_tips = lib.mkDefault false;
      }
      { }
    ];
  };
}

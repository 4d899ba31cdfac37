{ config, lib, ... }:
let

  literal = config.lib.formats.rasi.mkLiteral;
in
{

  programs.fuzzel = {
    enable = true;
    settings = {
      main = {
        font = "JetBrainsMono Nerd Font:size=12";
        icon-theme = "Papirus-Dark";
        lines = 12;
        terminal = "kitty";
        width = lib.mkDefault 40;
      };
      border = {
        radius = lib.mkDefault 8;
        width = lib.mkDefault 2;
      };
      colors = {
        background = "1e1e2eee";
        border = "89b4faff";
        input = "cdd6f4ff";
        match = "89b4faff";
        prompt = "89b4faff";
        selection = "89b4faff";
        selection-match = "1e1e2eee";
        selection-text = "1e1e2eee";
        text = "cdd6f4ff";
      };
    };
  };
}

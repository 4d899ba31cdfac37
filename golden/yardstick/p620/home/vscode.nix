{
  config,
  lib,
  pkgs,
  ...
}:
let

  extension = name: lib.getAttrFromPath (lib.splitString "." name) pkgs.vscode-extensions;
in
{

  home.packages = [ pkgs.nixd ];

  programs.vscode = {
    enable = true;
    mutableExtensionsDir = false;
    profiles.default = {
      enableUpdateCheck = false;
      enableExtensionUpdateCheck = false;
      extensions = map extension [
        "mkhl.direnv"
        "jnoortheen.nix-ide"
        "redhat.vscode-yaml"
        "tamasfe.even-better-toml"
        "editorconfig.editorconfig"
      ];
      keybindings = [ ];
      userSettings = lib.mkMerge [
        {
          "editor.fontFamily" = "'JetBrainsMono Nerd Font', monospace";
          "editor.fontSize" = 14;
          "editor.formatOnSave" = true;
          "files.insertFinalNewline" = lib.mkDefault true;
          "files.trimTrailingWhitespace" = lib.mkDefault true;
          "nix.enableLanguageServer" = lib.mkDefault true;
          "nix.serverPath" = "nixd";
          "telemetry.telemetryLevel" = lib.mkDefault "off";
          "terminal.integrated.fontFamily" = "'JetBrainsMono Nerd Font', monospace";
          "workbench.colorTheme" = "Default Dark Modern";
        }
        { }
      ];
    };
  };
}

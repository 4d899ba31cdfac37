{ pkgs, ... }:
{
  home.packages = [ pkgs.nixd ];

  programs.vscode = {
    enable = true;
    mutableExtensionsDir = false;
    profiles.default = {
      enableUpdateCheck = false;
      enableExtensionUpdateCheck = false;
      extensions = [
        pkgs.vscode-extensions.mkhl.direnv
        pkgs.vscode-extensions.jnoortheen.nix-ide
        pkgs.vscode-extensions.redhat.vscode-yaml
        pkgs.vscode-extensions.tamasfe.even-better-toml
        pkgs.vscode-extensions.editorconfig.editorconfig
      ];
      userSettings = {
        "editor.fontFamily" = "'JetBrainsMono Nerd Font', monospace";
        "editor.fontSize" = 14;
        "editor.formatOnSave" = true;
        "files.insertFinalNewline" = true;
        "files.trimTrailingWhitespace" = true;
        "nix.enableLanguageServer" = true;
        "nix.serverPath" = "nixd";
        "telemetry.telemetryLevel" = "off";
        "terminal.integrated.fontFamily" = "'JetBrainsMono Nerd Font', monospace";
        "workbench.colorTheme" = "Default Dark Modern";
      };
    };
  };
}

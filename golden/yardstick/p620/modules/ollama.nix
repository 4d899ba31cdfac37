{
  config,
  lib,
  pkgs,
  ...
}:
let

  defaultDir = "/var/lib/ollama";
  ownDir = "/var/lib/ollama" != defaultDir;
  packages = {
    rocm = pkgs.ollama-rocm;
    cuda = pkgs.ollama-cuda;
    vulkan = pkgs.ollama-vulkan;
  };
in
{

  services.ollama = {
    enable = true;
    package = packages.rocm;
    host = "0.0.0.0";
    port = 11434;
    home = "/var/lib/ollama";
    # Outside of /var/lib the directory needs an owner that stays the same.
    user = lib.mkIf ownDir "ollama";
    loadModels = [
      "llama3.2:3b"
      "nomic-embed-text"
    ];
    syncModels = false;
    rocmOverrideGfx = null;
    environmentVariables = {
      OLLAMA_KEEP_ALIVE = "5m";
      OLLAMA_FLASH_ATTENTION = "1";
    };
  };

  systemd.tmpfiles.settings.ollama = lib.mkIf ownDir (
    lib.genAttrs
      [
        "/var/lib/ollama"
        "/var/lib/ollama/models"
      ]
      (_: {
        d = {
          user = "ollama";
          group = "ollama";
          mode = "0750";
        };
      })
  );
}

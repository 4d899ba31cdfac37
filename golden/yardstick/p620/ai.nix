{
  config,
  pkgs,
  root,
  ...
}:
{
  services = {
    ollama = {
      enable = true;
      package = pkgs.ollama-rocm;
      host = "0.0.0.0";
      loadModels = [
        "llama3.2:3b"
        "nomic-embed-text"
      ];
      environmentVariables = {
        OLLAMA_KEEP_ALIVE = "5m";
        OLLAMA_FLASH_ATTENTION = "1";
      };
    };
    open-webui = {
      enable = true;
      host = "0.0.0.0";
      port = 8090;
      environment = {
        ANONYMIZED_TELEMETRY = "False";
        DO_NOT_TRACK = "True";
        ENABLE_OLLAMA_API = "True";
        ENABLE_SIGNUP = "True";
        OLLAMA_BASE_URL = "http://127.0.0.1:11434";
        SCARF_NO_ANALYTICS = "True";
        WEBUI_AUTH = "True";
      };
    };
  };

  environment = {
    etc."ai-providers.json".source = (pkgs.formats.json { }).generate "ai-providers.json" {
      default = "anthropic";
      fallback = true;
      maxWait = 60;
      preferCost = false;
      retries = 2;
      systemPrompt = null;
      timeout = 60;
      providers = {
        anthropic = {
          api = "anthropic";
          keyFile = config.age.secrets.api-anthropic.path;
          models = [
            {
              name = "claude-sonnet-4-5";
              inputCost = 3.0;
              outputCost = 15.0;
            }
            {
              name = "claude-haiku-4-5";
              inputCost = 1.0;
              outputCost = 5.0;
            }
          ];
          priority = 10;
          url = "https://api.anthropic.com";
        };
        gemini = {
          api = "gemini";
          keyFile = config.age.secrets.api-gemini.path;
          models = [
            {
              name = "gemini-2.5-pro";
              inputCost = 1.25;
              outputCost = 10.0;
            }
            {
              name = "gemini-2.5-flash";
              inputCost = 0.3;
              outputCost = 2.5;
            }
          ];
          priority = 30;
          url = "https://generativelanguage.googleapis.com/v1beta";
        };
        ollama = {
          api = "ollama";
          models = [
            {
              name = "llama3.2:3b";
              inputCost = 0.0;
              outputCost = 0.0;
            }
            {
              name = "nomic-embed-text";
              inputCost = 0.0;
              outputCost = 0.0;
            }
          ];
          priority = 40;
          url = "http://127.0.0.1:11434";
        };
        openai = {
          api = "openai";
          keyFile = config.age.secrets.api-openai.path;
          models = [
            {
              name = "gpt-5";
              inputCost = 1.25;
              outputCost = 10.0;
            }
            {
              name = "gpt-5-mini";
              inputCost = 0.25;
              outputCost = 2.0;
            }
          ];
          priority = 20;
          url = "https://api.openai.com/v1";
        };
      };
    };

    systemPackages = [ (pkgs.callPackage (root + "/pkgs/ai-cli") { }) ];

    shellAliases = {
      ai = "ai-cli";
      ai-models = "ai-cli --list-models";
      ai-status = "ai-cli --status";
      aic = "ai-cli -c";
      aif = "ai-cli -f";
      aii = "ai-chat";
      chat = "ai-chat";
    };
  };

  # Members may read the keys.
  users.groups.ai.members = [ "bob" ];
}

{
  services.open-webui = {
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
}

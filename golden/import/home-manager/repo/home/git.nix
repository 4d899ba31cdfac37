{
  programs.git = {
    enable = true;
    settings.user = { name = "Alice Example"; email = "alice@example.org"; };
  };
}

{ config, lib, ... }:
{

  programs.atuin = {
    enable = true;
    daemon.enable = true;
    flags = [ "--disable-up-arrow" ];
    settings = lib.mkMerge [
      {
        auto_sync = false;
        filter_mode = "global";
        search_mode = "fuzzy";
        secrets_filter = true;
        sync_address = "https://api.atuin.sh";
        sync_frequency = "10m";
        update_check = false;
        enter_accept = lib.mkDefault false;
        inline_height = lib.mkDefault 20;
      }
      { }
    ];
  };
}

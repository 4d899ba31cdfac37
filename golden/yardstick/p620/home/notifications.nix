{
  config,
  lib,
  pkgs,
  ...
}:
{

  home.packages = [ pkgs.libnotify ];

  services.mako = {
    enable = true;
    settings = {
      anchor = "top-right";
      background-color = "#1e1e2ef0";
      border-color = "#89b4fa";
      border-radius = 8;
      border-size = 2;
      default-timeout = 6 * 1000;
      font = "Inter 11";
      width = 360;
      max-visible = 5;
      padding = "10";
      text-color = "#cdd6f4";
      "urgency=critical" = {
        border-color = "#f38ba8";
        default-timeout = 0;
      };
      "mode=do-not-disturb".invisible = 1;
    };
  };
}

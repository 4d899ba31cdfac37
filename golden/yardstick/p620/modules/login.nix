{
  config,
  lib,
  pkgs,
  ...
}:
let

  sessions = "${config.services.displayManager.sessionData.desktops}/share";
  tuigreet = [
    (lib.getExe pkgs.tuigreet)
    "--time"
    "--asterisks"
    "--remember"
    "--remember-session"
    "--greeting"
    "Welcome"
    "--sessions"
    "${sessions}/wayland-sessions"
    "--xsessions"
    "${sessions}/xsessions"
  ];
in
{

  services.displayManager = {
    defaultSession = "hyprland-uwsm";
    sddm = {
      enable = true;
      wayland.enable = true;
      autoNumlock = false;
    };
    gdm.enable = false;
    cosmic-greeter.enable = false;
  };

  assertions = [
    {
      assertion = false -> true;
      message = "desktop.login: autoLogin with tuigreet needs autoLoginCommand.";
    }
  ];
}

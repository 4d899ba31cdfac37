{
  config,
  lib,
  pkgs,
  root,
  ...
}:
let

  modes = {
    contain = "fit";
    cover = "fill";
    stretch = "stretch";
    tile = "tile";
  };

  arguments = [
    "--color"
    "#1e1e2e"
  ]
  ++ [
    "--image"
    "${(root + "/custom/assets/wallpaper.png")}"
    "--mode"
    modes.cover
  ]
  ++ lib.concatLists (
    lib.mapAttrsToList (output: image: [
      "--output"
      output
      "--image"
      "${image}"
      "--mode"
      modes.cover
    ]) { }
  );

  picture = monitor: path: {
    inherit monitor;
    path = "${path}";
    fit_mode = "cover";
  };
in
{

  assertions = [
    {
      assertion = false -> (root + "/custom/assets/wallpaper.png") != null;
      message = "desktop.wallpaper: hyprpaper needs `image`.";
    }
  ];

  systemd.user.services.swaybg = {
    Unit = {
      Description = "Wallpaper";
      ConditionEnvironment = "WAYLAND_DISPLAY";
      After = [ "graphical-session.target" ];
      PartOf = [ "graphical-session.target" ];
    };
    Service = {
      ExecStart = lib.escapeShellArgs ([ (lib.getExe pkgs.swaybg) ] ++ arguments);
      Restart = "on-failure";
      RestartSec = 2;
      LockPersonality = true;
      MemoryDenyWriteExecute = true;
      NoNewPrivileges = true;
      RestrictAddressFamilies = [ "AF_UNIX" ];
      RestrictNamespaces = true;
      SystemCallArchitectures = "native";
    };
    Install.WantedBy = [ "graphical-session.target" ];
  };
}

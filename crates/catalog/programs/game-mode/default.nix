{
  coreutils,
  hyprland,
  libnotify,
  systemd,
  writeShellApplication,
}:

writeShellApplication {
  name = "game-mode";
  # What else it talks to, powerprofilesctl and makoctl, is there or it is not.
  runtimeInputs = [
    coreutils
    hyprland
    libnotify
    systemd
  ];
  text = builtins.readFile ./game-mode.sh;
  meta.description = "Gives a Hyprland session's whole machine to a game, and takes it back";
}

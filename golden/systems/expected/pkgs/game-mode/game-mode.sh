# Gives a Hyprland session's whole machine to a game, and takes it back.
#
# game-mode on|off|toggle|status
#
# hypr/game-mode.lua in the user's configuration is what Hyprland evaluates when it is turned on.

state=${XDG_RUNTIME_DIR:?}/game-mode
config=${XDG_CONFIG_HOME:-$HOME/.config}/hypr/game-mode.lua

say() {
  notify-send --app-name='Game mode' "$1" || true
}

do_not_disturb() { # -a or -r
  if command -v makoctl >/dev/null; then
    makoctl mode "$1" do-not-disturb >/dev/null || true
  fi
}

# What was running or set is noted, so that only that comes back.
turn_on() {
  if [[ -e $state ]]; then
    say 'Game mode is on already'
    return
  fi
  local settings
  settings=$(<"$config")
  hyprctl eval "$settings"
  : >"$state"
  if systemctl --user --quiet is-active hypridle.service; then
    systemctl --user stop hypridle.service
    echo 'unit hypridle.service' >>"$state"
  fi
  local profile
  if command -v powerprofilesctl >/dev/null && profile=$(powerprofilesctl get); then
    echo "profile $profile" >>"$state"
    powerprofilesctl set performance || true
  fi
  say 'Game mode on'
  do_not_disturb -a
}

turn_off() {
  # The configuration as it is on disk, whatever was changed meanwhile.
  hyprctl reload
  if [[ ! -e $state ]]; then
    return
  fi
  local kind value
  while read -r kind value; do
    case $kind in
      unit) systemctl --user start "$value" || true ;;
      profile) powerprofilesctl set "$value" || true ;;
    esac
  done <"$state"
  rm -f "$state"
  do_not_disturb -r
  say 'Game mode off'
}

case ${1-} in
  on) turn_on ;;
  off) turn_off ;;
  toggle) if [[ -e $state ]]; then turn_off; else turn_on; fi ;;
  status) if [[ -e $state ]]; then echo on; else echo off; fi ;;
  *)
    echo 'usage: game-mode on|off|toggle|status' >&2
    exit 2
    ;;
esac

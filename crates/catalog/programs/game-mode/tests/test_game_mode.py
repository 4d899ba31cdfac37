"""The game mode against stubs that note how they were called."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

SCRIPT = Path(__file__).resolve().parent.parent / "game-mode.sh"
CONFIG = "hl.config({ animations = { enabled = false } })"

# Notes its call; fails when a file says so; prints what a file holds.
STUB = """#!{bash}
name=${{0##*/}}
printf '%s' "$name" >>"$STUBS/calls"
printf ' %s' "$@" >>"$STUBS/calls"
echo >>"$STUBS/calls"
if [[ -e $STUBS/$name.says ]]; then cat "$STUBS/$name.says"; fi
[[ ! -e $STUBS/$name.fails ]]
"""


class GameMode(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.bin = self.folder / "bin"
        self.bin.mkdir()
        for name in ("rm", "cat", "bash"):
            (self.bin / name).symlink_to(shutil.which(name) or name)
        for name in ("hyprctl", "systemctl", "notify-send", "powerprofilesctl", "makoctl"):
            self.stub(name)
        (self.folder / "powerprofilesctl.says").write_text("balanced\n")
        config = self.folder / ".config/hypr/game-mode.lua"
        config.parent.mkdir(parents=True)
        config.write_text(CONFIG + "\n")

    def stub(self, name: str) -> None:
        path = self.bin / name
        path.write_text(STUB.format(bash=shutil.which("bash")))
        path.chmod(0o755)

    def run_it(self, *arguments: str, code: int = 0) -> str:
        """Output of the program."""
        done = subprocess.run(
            [str(self.bin / "bash"), "-euo", "pipefail", str(SCRIPT), *arguments],
            env={
                "PATH": str(self.bin),
                "STUBS": str(self.folder),
                "XDG_RUNTIME_DIR": str(self.folder),
                "HOME": str(self.folder),
            },
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    def calls(self) -> list[str]:
        """Calls since the last time."""
        path = self.folder / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines

    def test_on_and_off(self) -> None:
        self.run_it("on")
        self.assertEqual(
            self.calls(),
            [
                f"hyprctl eval {CONFIG}",
                "systemctl --user --quiet is-active hypridle.service",
                "systemctl --user stop hypridle.service",
                "powerprofilesctl get",
                "powerprofilesctl set performance",
                "notify-send --app-name=Game mode Game mode on",
                "makoctl mode -a do-not-disturb",
            ],
        )
        self.assertEqual(self.run_it("status"), "on\n")
        self.run_it("off")
        self.assertEqual(
            self.calls(),
            [
                "hyprctl reload",
                "systemctl --user start hypridle.service",
                "powerprofilesctl set balanced",
                "makoctl mode -r do-not-disturb",
                "notify-send --app-name=Game mode Game mode off",
            ],
        )
        self.assertEqual(self.run_it("status"), "off\n")

    def test_what_did_not_run_does_not_start(self) -> None:
        (self.folder / "systemctl.fails").touch()
        self.run_it("on")
        (self.folder / "systemctl.fails").unlink()
        self.calls()
        self.run_it("off")
        self.assertNotIn("systemctl --user start hypridle.service", self.calls())

    def test_without_profiles_and_notifications(self) -> None:
        (self.bin / "powerprofilesctl").unlink()
        (self.bin / "makoctl").unlink()
        self.run_it("on")
        self.run_it("off")
        self.assertEqual(self.run_it("status"), "off\n")

    def test_on_twice_keeps_the_note(self) -> None:
        self.run_it("on")
        (self.folder / "powerprofilesctl.says").write_text("performance\n")
        self.calls()
        self.run_it("on")
        self.assertEqual(self.calls(), ["notify-send --app-name=Game mode Game mode is on already"])
        self.run_it("off")
        self.assertIn("powerprofilesctl set balanced", self.calls())

    def test_a_failing_compositor_leaves_it_off(self) -> None:
        (self.folder / "hyprctl.fails").touch()
        self.run_it("on", code=1)
        self.assertEqual(self.run_it("status"), "off\n")

    def test_off_without_on_only_reloads(self) -> None:
        self.run_it("off")
        self.assertEqual(self.calls(), ["hyprctl reload"])

    def test_toggle(self) -> None:
        self.run_it("toggle")
        self.assertEqual(self.run_it("status"), "on\n")
        self.run_it("toggle")
        self.assertEqual(self.run_it("status"), "off\n")

    def test_usage(self) -> None:
        self.run_it(code=2)
        self.run_it("up", code=2)


if __name__ == "__main__":
    unittest.main()

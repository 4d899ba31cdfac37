"""The watch against targets that answer, fall silent and come back."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import unittest
from pathlib import Path

SCRIPT = Path(__file__).resolve().parent.parent / "network-stability-watch.sh"

# Answers by a list of 0 and 1 in a file, one a call; the last one stays.
STUB = """#!{bash}
echo "$0 $*" >>"$STUB_FOLDER/calls"
mapfile -t answers <"$STUB_FOLDER/answers"
count=$(grep -c . "$STUB_FOLDER/calls")
index=$((count - 1))
if ((index >= ${{#answers[@]}})); then index=$((${{#answers[@]}} - 1)); fi
exit "${{answers[index]}}"
"""


class Watch(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.bin = self.folder / "bin"
        self.bin.mkdir()
        stub = STUB.format(bash=shutil.which("bash"))
        for name in ("ping", "getent"):
            (self.bin / name).write_text(stub)
            (self.bin / name).chmod(0o755)
        self.answers(0)

    def answers(self, *codes: int) -> None:
        (self.folder / "answers").write_text("\n".join(map(str, codes)) + "\n")

    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines()

    def watch(self, *targets: str, rounds: int = 1, code: int = 0, **settings: object) -> str:
        """Output of the program; the state is in the folder."""
        environment = {
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "STUB_FOLDER": str(self.folder),
            "WATCH_DIRECTORY": str(self.folder),
            "WATCH_INTERVAL": "0",
            "WATCH_TIMEOUT": "2",
            "WATCH_UNIT": "example.service",
            "WATCH_ROUNDS": str(rounds),
        }
        environment |= {f"WATCH_{key.upper()}": str(value) for key, value in settings.items()}
        done = subprocess.run(
            ["bash", "-euo", "pipefail", str(SCRIPT), *targets],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertEqual(done.stderr, "")
        return done.stdout

    def status(self) -> dict[str, object]:
        return json.loads((self.folder / "status.json").read_text())

    def requests(self) -> str | None:
        path = self.folder / "restart"
        return path.read_text().strip() if path.exists() else None

    def test_an_answer_is_a_connection(self) -> None:
        said = self.watch("ping:192.0.2.1", "dns:example.org")
        self.assertEqual(said, "<6>watching ping:192.0.2.1 dns:example.org\n")
        status = self.status()
        self.assertEqual((status["connected"], status["answering"]), (True, 2))
        self.assertIsNone(self.requests())
        ping, getent = self.calls()
        self.assertTrue(ping.endswith("ping -n -q -c 1 -W 2 192.0.2.1"), ping)
        self.assertTrue(getent.endswith("getent ahosts example.org"), getent)

    def test_tcp_is_a_real_connection(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            self.watch(f"tcp:127.0.0.1:{port}")
            self.assertTrue(self.status()["connected"])
        self.watch(f"tcp:127.0.0.1:{port}")
        self.assertFalse(self.status()["connected"])

    @unittest.skipUnless(socket.has_dualstack_ipv6(), "no IPv6 here")
    def test_tcp_takes_addresses_in_brackets(self) -> None:
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
            self.watch(f"tcp:[::1]:{server.getsockname()[1]}")
        self.assertTrue(self.status()["connected"])

    def test_too_few_answers_are_no_connection(self) -> None:
        self.answers(0, 1)
        said = self.watch("ping:192.0.2.1", "ping:192.0.2.2", minimum=2)
        self.assertIn("<4>check failed, 1 in a row: no answer from ping:192.0.2.2\n", said)
        self.assertFalse(self.status()["connected"])

    def test_below_the_threshold_nothing_is_restarted(self) -> None:
        self.answers(1)
        self.watch("ping:192.0.2.1", rounds=3, threshold=4)
        self.assertEqual(self.status()["failures"], 3)
        self.assertIsNone(self.requests())

    def test_at_the_threshold_one_restart_is_asked_for(self) -> None:
        self.answers(1)
        said = self.watch("ping:192.0.2.1", rounds=6, threshold=4)
        self.assertEqual(self.requests(), "1")
        request = "attempt 1; the next not before 120 seconds"
        self.assertIn(f"<3>asking for a restart of example.service, {request}\n", said)
        self.assertEqual(said.count("<3>"), 1)

    def test_the_wait_doubles_up_to_a_limit(self) -> None:
        self.answers(1)
        said = self.watch(
            "ping:192.0.2.1", rounds=4, threshold=1, backoff=0, backoff_max=0
        )
        self.assertEqual(said.count("asking for a restart"), 4)
        self.assertEqual(self.requests(), "4")
        waits = self.waits(backoff=1, backoff_max=2, interval=1, rounds=6)
        self.assertEqual(waits[:2], [1, 2])
        self.assertLessEqual(max(waits), 2)

    def waits(self, **settings: object) -> list[int]:
        said = self.watch("ping:192.0.2.1", threshold=1, **settings)
        lines = [line for line in said.splitlines() if "asking" in line]
        return [int(line.rsplit(" ", 2)[1]) for line in lines]

    def test_a_return_is_said_and_forgets(self) -> None:
        self.answers(1, 1, 0, 1)
        said = self.watch("ping:192.0.2.1", rounds=4, threshold=2, backoff=600)
        self.assertIn("<5>connection is back after 2 failed checks and 1 restarts\n", said)
        status = self.status()
        self.assertEqual((status["failures"], status["restarts"]), (1, 0))

    def test_without_a_unit_it_only_says_so(self) -> None:
        self.answers(1)
        said = self.watch("ping:192.0.2.1", rounds=5, threshold=2, unit="")
        lost = "<3>connection is lost; no unit is configured to restart"
        self.assertEqual(said.count(lost), 1)
        self.assertIsNone(self.requests())

    def test_without_targets_it_fails(self) -> None:
        self.assertEqual(self.watch(code=2), "<3>no targets given\n")


if __name__ == "__main__":
    unittest.main()

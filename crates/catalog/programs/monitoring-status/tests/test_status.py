"""The status commands against stub servers."""

from __future__ import annotations

import http.server
import json
import os
import socket
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path

FOLDER = Path(__file__).parent.parent
READY = {"/-/ready": "Prometheus Server is Ready."}


def target(health: str, job: str, host: str, error: str = "") -> dict[str, object]:
    return {
        "health": health,
        "labels": {"job": job, "host": host},
        "scrapeUrl": f"http://{host}:9100/metrics",
        "lastError": error,
    }


def prometheus(targets: list[object], alerts: list[object]) -> dict[str, str]:
    return READY | {
        "/api/v1/targets?state=active": json.dumps({"data": {"activeTargets": targets}}),
        "/api/v1/alerts": json.dumps({"data": {"alerts": alerts}}),
    }


class Test(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        systemctl = self.folder / "systemctl"
        systemctl.write_text('#!/bin/sh\necho "state-of-$2"\nexit 3\n')
        systemctl.chmod(0o755)

    def script(self, kind: str) -> Path:
        """The program, as writeShellApplication puts it together."""
        path = self.folder / f"{kind}-status"
        head = "#!/usr/bin/env bash\nset -o errexit\nset -o nounset\nset -o pipefail\n"
        parts = [FOLDER / "common.sh", FOLDER / f"{kind}.sh"]
        path.write_text(head + "".join(part.read_text() for part in parts))
        path.chmod(0o755)
        return path

    def status(self, kind: str, *words: str, url: str = "") -> subprocess.CompletedProcess[str]:
        path = f"{self.folder}:{os.environ['PATH']}"
        return subprocess.run(
            [self.script(kind), *words],
            env={"PATH": path, "DEFAULT_URL": url},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def serve(self, answers: dict[str, str], code: int = 200) -> str:
        """A server that knows some paths, by its address."""

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer = answers.get(self.path)
                self.send_response(404 if answer is None else code)
                self.end_headers()
                self.wfile.write((answer or "").encode())

            def log_message(self, *_: object) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return f"http://127.0.0.1:{server.server_port}"

    def nobody(self) -> str:
        """An address where nothing listens."""
        with socket.socket() as it:
            it.bind(("127.0.0.1", 0))
            return f"http://127.0.0.1:{it.getsockname()[1]}"

    def test_scripts_are_clean(self) -> None:
        for kind in ("prometheus", "grafana", "node-exporter"):
            script = self.script(kind)
            found = subprocess.run(
                ["shellcheck", script], env={**os.environ, "DEFAULT_URL": ""}, check=False
            )
            self.assertEqual(found.returncode, 0, kind)

    def test_nothing_answers(self) -> None:
        for kind in ("prometheus", "grafana", "node-exporter"):
            found = self.status(kind, url=self.nobody())
            self.assertEqual(found.returncode, 2, kind)
            self.assertIn("Nothing answers at", found.stderr)

    def test_errors_of_servers(self) -> None:
        everything = READY | {"/api/health": "{}", "/metrics": "x 1"}
        address = self.serve(everything, code=503)
        for kind in ("prometheus", "grafana", "node-exporter"):
            found = self.status(kind, url=address)
            self.assertEqual(found.returncode, 1, kind)
            self.assertIn("answers with an error", found.stderr)

    def test_answers_that_are_no_json(self) -> None:
        address = self.serve(
            READY
            | {"/api/health": "<html>", "/api/v1/targets?state=active": "<", "/api/v1/alerts": "<"}
        )
        for kind in ("prometheus", "grafana"):
            found = self.status(kind, url=address)
            self.assertEqual(found.returncode, 1, kind)
            self.assertIn("does not answer as expected", found.stderr)

    def test_unit_is_told_of_this_machine_only(self) -> None:
        address = self.serve({"/api/health": '{"database": "ok", "version": "13.0.3"}'})
        self.assertIn("state-of-grafana.service", self.status("grafana", url=address).stdout)
        found = self.status("grafana", address + "/", url=self.nobody())
        self.assertEqual(found.returncode, 0)
        self.assertNotIn("state-of", found.stdout)

    def test_arguments(self) -> None:
        found = self.status("grafana", "--help", url="http://x")
        self.assertEqual((found.returncode, found.stderr), (0, ""))
        self.assertIn("Usage: grafana-status [URL]", found.stdout)
        self.assertEqual(self.status("grafana", "--wrong").returncode, 64)

    def test_grafana(self) -> None:
        address = self.serve({"/api/health": '{"database": "ok", "version": "13.0.3"}'})
        found = self.status("grafana", url=address)
        self.assertEqual(found.returncode, 0, found.stderr)
        self.assertRegex(found.stdout, r"Version: +13\.0\.3\nDatabase: +ok")

    def test_grafana_without_its_database(self) -> None:
        address = self.serve({"/api/health": '{"database": "failing", "version": "13.0.3"}'})
        found = self.status("grafana", url=address)
        self.assertEqual(found.returncode, 1)
        self.assertIn("cannot use its database", found.stderr)

    def test_prometheus(self) -> None:
        targets = [target("up", "node", "web"), target("up", "node", "nas")]
        alert = {
            "state": "firing",
            "labels": {"alertname": "DiskLow", "severity": "warning"},
            "annotations": {"summary": "/ on web has 9 % left"},
        }
        pending = {"state": "pending", "labels": {"alertname": "Later"}}
        found = self.status("prometheus", url=self.serve(prometheus(targets, [alert, pending])))
        self.assertEqual(found.returncode, 0, found.stderr)
        self.assertRegex(found.stdout, r"up +node +nas +http://nas:9100/metrics +-\nup +node +web")
        self.assertRegex(found.stdout, r"warning +DiskLow +/ on web has 9 % left")
        self.assertNotIn("Later", found.stdout)

    def test_prometheus_without_targets_and_alerts(self) -> None:
        found = self.status("prometheus", url=self.serve(prometheus([], [])))
        self.assertEqual(found.returncode, 0, found.stderr)
        self.assertIn("Firing alerts\nnone", found.stdout)

    def test_prometheus_with_a_target_that_is_down(self) -> None:
        targets = [target("up", "node", "web"), target("down", "node", "nas", "no route to host")]
        found = self.status("prometheus", url=self.serve(prometheus(targets, [])))
        self.assertEqual(found.returncode, 1)
        self.assertIn("no route to host", found.stdout)
        self.assertIn("Targets down: 1", found.stderr)

    def test_node_exporter(self) -> None:
        page = (
            "# HELP node_load1 Load\n# TYPE node_load1 gauge\nnode_load1 0.5\n"
            'node_scrape_collector_success{collector="cpu"} 1\n'
            'node_scrape_collector_success{collector="nfs"} 0\n'
            'node_scrape_collector_success{collector="zfs"} 0\n'
        )
        found = self.status("node-exporter", url=self.serve({"/metrics": page}))
        self.assertEqual(found.returncode, 0, found.stderr)
        self.assertRegex(found.stdout, r"Samples: +4\nCollected: +1 collectors\nWithout: +nfs, zfs")

    def test_something_else_than_a_node_exporter(self) -> None:
        found = self.status("node-exporter", url=self.serve({"/metrics": "other 1\n"}))
        self.assertEqual(found.returncode, 1)
        self.assertIn("No node exporter answers", found.stderr)


if __name__ == "__main__":
    unittest.main()

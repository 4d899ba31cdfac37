"""The exporter over HTTP, against a system in a temporary folder."""

from __future__ import annotations

import datetime
import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from prometheus_client.parser import text_string_to_metric_families

PROGRAM = Path(__file__).parent.parent / "nixos_exporter.py"
METRICS = Path(__file__).parent.parent / "METRICS.md"
DAY = 86400

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def key(name: str, **labels: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    return name, tuple(sorted(labels.items()))


class System:
    """A NixOS system below a temporary folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("nix/var/nix/db", "nix/var/nix/profiles/per-user/alice", "nix/store", "run"):
            (root / folder).mkdir(parents=True)
        (root / "nix/var/nix/gcroots/auto").mkdir(parents=True)
        self.database = root / "nix/var/nix/db/db.sqlite"
        with self.connect() as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute(
                "CREATE TABLE ValidPaths (id integer primary key autoincrement not null,"
                " path text unique not null, hash text not null, registrationTime integer not null,"
                " deriver text, narSize integer, ultimate integer, sigs text, ca text)"
            )
        db.close()

    def connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.database)

    def add_paths(self, *sizes: int | None) -> None:
        db = self.connect()
        with db:
            begin = db.execute("SELECT count(*) FROM ValidPaths").fetchone()[0]
            db.executemany(
                "INSERT INTO ValidPaths (path, hash, registrationTime, narSize) VALUES (?, '', 0, ?)",
                ((f"/nix/store/{begin + number}", size) for number, size in enumerate(sizes)),
            )
        db.close()

    def system(self, name: str, version: str = "26.11.20260715.7beb50e", kernel: str = "6.18") -> str:
        """A system in the store, by its absolute path."""
        path = self.root / "nix/store" / name
        path.mkdir()
        image = self.root / f"nix/store/linux-{kernel}"
        image.touch()
        (path / "kernel").symlink_to(f"/nix/store/linux-{kernel}")
        (path / "nixos-version").write_text(version)
        (path / "kernel-params").write_text("quiet\n")
        return f"/nix/store/{name}"

    def generation(self, profile: str, number: int, target: str, age: float) -> None:
        """A generation, which becomes the current one."""
        folder = self.root / "nix/var/nix/profiles"
        name = f"{profile}-{number}-link"
        (folder / name).symlink_to(target)
        made = time.time() - age
        os.utime(folder / name, (made, made), follow_symlinks=False)
        (folder / profile).unlink(missing_ok=True)
        (folder / profile).symlink_to(Path(name).name)

    def link(self, path: str, target: str) -> None:
        (self.root / path).unlink(missing_ok=True)
        (self.root / path).symlink_to(target)


class Exporter:
    """The program, running."""

    def __init__(self, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-B", PROGRAM, "--port", "0", *words],
            stderr=subprocess.PIPE,
            text=True,
        )
        self.address = ""

    def __enter__(self) -> Exporter:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=10)

    def scrape(self) -> Samples:
        with urllib.request.urlopen(f"http://{self.address}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        return {
            key(sample.name, **sample.labels): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }


def free_port() -> int:
    import socket

    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        return int(it.getsockname()[1])


def certificate(path: Path, ends: datetime.datetime) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "example.org")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(ends - datetime.timedelta(days=90))
        .not_valid_after(ends)
        .sign(private, hashes.SHA256())
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))


class Test(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.system = System(self.folder / "root")

    def start(self, *words: str) -> Exporter:
        port = free_port()
        exporter = Exporter("--root", str(self.system.root), *words, "--port", str(port))
        exporter.address = f"127.0.0.1:{port}"
        assert exporter.process.stderr is not None
        for line in exporter.process.stderr:
            if line.startswith("listening"):
                break
        else:
            self.fail("the exporter did not start")
        self.addCleanup(exporter.__exit__)
        return exporter

    def boot(self, name: str = "one", **facts: str) -> str:
        path = self.system.system(name, **facts)
        self.system.generation("system", 1, path, 3 * DAY)
        self.system.link("run/current-system", path)
        self.system.link("run/booted-system", path)
        return path

    def test_store_is_summed_from_the_database(self) -> None:
        self.boot()
        self.system.add_paths(1000, 2000, None, 5)
        found = self.start().scrape()
        self.assertEqual(found[key("nixos_store_paths")], 4)
        self.assertEqual(found[key("nixos_store_nar_bytes")], 3005)
        self.assertEqual(found[key("nixos_collector_success", collector="store")], 1)

    def test_reading_leaves_nothing_beside_the_database(self) -> None:
        self.boot()
        self.system.add_paths(1)
        self.start().scrape()
        self.assertEqual(os.listdir(self.system.database.parent), ["db.sqlite"])

    def test_write_ahead_log_of_an_open_database_is_read(self) -> None:
        self.boot()
        self.system.add_paths(1)
        db = self.system.connect()
        self.addCleanup(db.close)
        with db:
            db.execute(
                "INSERT INTO ValidPaths (path, hash, registrationTime, narSize) VALUES ('/x', '', 0, 41)"
            )
        self.assertTrue(Path(f"{self.system.database}-wal").exists())
        self.assertEqual(self.start().scrape()[key("nixos_store_nar_bytes")], 42)

    def test_store_is_not_read_again_within_its_interval(self) -> None:
        self.boot()
        self.system.add_paths(1)
        slow, eager = self.start(), self.start("--store-interval", "0")
        self.assertEqual(slow.scrape()[key("nixos_store_paths")], 1)
        self.assertEqual(eager.scrape()[key("nixos_store_paths")], 1)
        self.system.add_paths(1)
        self.assertEqual(slow.scrape()[key("nixos_store_paths")], 1)
        self.assertEqual(eager.scrape()[key("nixos_store_paths")], 2)

    def test_a_database_that_cannot_be_read_leaves_the_rest(self) -> None:
        self.boot()
        self.system.database.write_text("this is no database, but it is long enough" * 100)
        found = self.start().scrape()
        self.assertEqual(found[key("nixos_collector_success", collector="store")], 0)
        self.assertNotIn(key("nixos_store_paths"), found)
        self.assertEqual(found[key("nixos_profile_generations", profile="system")], 1)

    def test_generations(self) -> None:
        self.boot()
        self.system.generation("system", 2, self.system.system("two"), 2 * DAY)
        self.system.generation("system", 10, self.system.system("ten"), DAY)
        self.system.generation("per-user/alice/profile", 7, "/nix/store/x", DAY)
        found = self.start().scrape()
        self.assertEqual(found[key("nixos_profile_generations", profile="system")], 3)
        self.assertEqual(found[key("nixos_profile_generation", profile="system")], 10)
        self.assertEqual(found[key("nixos_profile_generation", profile="per-user/alice/profile")], 7)
        now = time.time()
        made = found[key("nixos_profile_timestamp_seconds", profile="system")]
        self.assertAlmostEqual(now - made, DAY, delta=60)
        made = found[key("nixos_profile_oldest_timestamp_seconds", profile="system")]
        self.assertAlmostEqual(now - made, 3 * DAY, delta=60)

    def test_a_profile_rolled_back(self) -> None:
        self.boot()
        self.system.generation("system", 2, self.system.system("two"), DAY)
        self.system.link("nix/var/nix/profiles/system", "system-1-link")
        found = self.start().scrape()
        self.assertEqual(found[key("nixos_profile_generation", profile="system")], 1)
        self.assertEqual(found[key("nixos_profile_generations", profile="system")], 2)

    def test_version_and_its_date(self) -> None:
        path = self.boot(version="26.11.20260715.7beb50e")
        (self.system.root / path[1:] / "configuration-revision").write_text("0a1b2c")
        found = self.start().scrape()
        info = key("nixos_system_info", version="26.11.20260715.7beb50e", revision="0a1b2c")
        self.assertEqual(found[info], 1)
        date = datetime.datetime(2026, 7, 15, tzinfo=datetime.timezone.utc)
        self.assertEqual(found[key("nixos_nixpkgs_timestamp_seconds")], date.timestamp())

    def test_a_version_without_a_date(self) -> None:
        self.boot(version="26.11pre-git")
        found = self.start().scrape()
        self.assertIn(key("nixos_system_info", version="26.11pre-git", revision=""), found)
        self.assertNotIn(key("nixos_nixpkgs_timestamp_seconds"), found)

    def test_reboot_is_needed_after_another_kernel_only(self) -> None:
        self.boot()
        exporter = self.start()
        self.assertEqual(exporter.scrape()[key("nixos_reboot_required")], 0)
        self.system.link("run/current-system", self.system.system("same-kernel"))
        found = exporter.scrape()
        self.assertEqual(found[key("nixos_reboot_required")], 0)
        self.assertEqual(found[key("nixos_system_is_latest")], 0)
        newer = self.system.system("newer", kernel="6.19")
        self.system.generation("system", 2, newer, 0)
        self.system.link("run/current-system", newer)
        found = exporter.scrape()
        self.assertEqual(found[key("nixos_reboot_required")], 1)
        self.assertEqual(found[key("nixos_system_is_latest")], 1)

    def test_reboot_is_needed_after_other_parameters(self) -> None:
        self.boot()
        other = self.system.system("other")
        (self.system.root / other[1:] / "kernel-params").write_text("quiet nomodeset\n")
        self.system.link("run/current-system", other)
        self.assertEqual(self.start().scrape()[key("nixos_reboot_required")], 1)

    def test_gc_roots(self) -> None:
        self.boot()
        for name in ("a", "b"):
            self.system.link(f"nix/var/nix/gcroots/auto/{name}", "/home/alice/result")
        self.assertEqual(self.start().scrape()[key("nixos_gc_roots")], 2)

    def test_a_system_without_anything(self) -> None:
        self.system.database.unlink()
        found = self.start().scrape()
        self.assertEqual(found[key("nixos_collector_success", collector="store")], 0)
        self.assertEqual(found[key("nixos_collector_success", collector="system")], 0)
        self.assertEqual(found[key("nixos_collector_success", collector="profiles")], 1)

    def test_secrets_age_from_the_change_of_their_file(self) -> None:
        self.boot()
        state = self.folder / "state"
        state.mkdir()
        source, target = self.folder / "token.age", self.folder / "token"
        source.write_text("age-encryption.org/v1 one")
        words = ["--state", str(state), "--store-interval", "0"]
        secret = f"token={source}={target}"
        with self.start(*words, "--secret", secret) as exporter:
            found = exporter.scrape()
            first = found[key("nixos_secret_timestamp_seconds", secret="token")]
            self.assertAlmostEqual(first, time.time(), delta=60)
            self.assertEqual(found[key("nixos_secret_present", secret="token")], 0)
            target.write_text("hidden")
            self.assertEqual(exporter.scrape()[key("nixos_secret_present", secret="token")], 1)
        # Remembered over a restart, begun anew with another content.
        with self.start(*words, "--secret", secret) as exporter:
            again = exporter.scrape()[key("nixos_secret_timestamp_seconds", secret="token")]
            self.assertEqual(again, first)
            source.write_text("age-encryption.org/v1 two")
            later = exporter.scrape()[key("nixos_secret_timestamp_seconds", secret="token")]
            self.assertGreater(later, first)
        self.assertNotIn("hidden", (state / "secrets.json").read_text())
        # What is no secret any more is forgotten.
        with self.start(*words) as exporter:
            exporter.scrape()
        self.assertEqual((state / "secrets.json").read_text(), "{}")

    def test_memory_that_is_broken_begins_anew(self) -> None:
        self.boot()
        (self.folder / "secrets.json").write_text('{"token": 5}')
        (self.folder / "token.age").write_text("x")
        secret = f"token={self.folder}/token.age={self.folder}/token"
        found = self.start("--state", str(self.folder), "--secret", secret).scrape()
        self.assertIn(key("nixos_secret_timestamp_seconds", secret="token"), found)

    def test_certificates(self) -> None:
        self.boot()
        ends = datetime.datetime(2031, 2, 3, 4, 5, 6)
        good, bad = self.folder / "good.pem", self.folder / "bad.pem"
        certificate(good, ends)
        bad.write_text("no certificate")
        paths = [str(good), str(bad), str(self.folder / "absent.pem")]
        found = self.start(*(word for path in paths for word in ("--certificate", path))).scrape()
        expected = ends.replace(tzinfo=datetime.timezone.utc).timestamp()
        name = "nixos_certificate_not_after_timestamp_seconds"
        self.assertEqual(found[key(name, path=str(good))], expected)
        readable = [found[key("nixos_certificate_readable", path=path)] for path in paths]
        self.assertEqual(readable, [1, 0, 0])
        self.assertNotIn(key(name, path=str(bad)), found)

    def test_a_big_store_costs_little(self) -> None:
        self.boot()
        self.system.add_paths(*range(100_000))
        exporter = self.start()
        exporter.scrape()

        def spent() -> float:
            text = Path(f"/proc/{exporter.process.pid}/stat").read_text()
            user, system = text.rpartition(")")[2].split()[11:13]
            return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

        before = spent()
        for _ in range(10):
            found = exporter.scrape()
        self.assertEqual(found[key("nixos_store_nar_bytes")], sum(range(100_000)))
        self.assertLess((spent() - before) / 10, 0.1, "processor seconds of a scrape")

    def test_metrics_are_those_that_are_documented(self) -> None:
        path = self.boot()
        good = self.folder / "good.pem"
        certificate(good, datetime.datetime(2031, 1, 1))
        (self.folder / "token.age").write_text("x")
        secret = f"token={self.folder}/token.age={self.folder}/token"
        found = self.start("--certificate", str(good), "--secret", secret).scrape()
        documented = {}
        for line in METRICS.read_text().splitlines():
            if match := re.match(r"\| `(\w+)` \| ([^|]*)\|", line):
                documented[match[1]] = tuple(sorted(re.findall(r"`(\w+)`", match[2])))
        exported = {name: tuple(label for label, _ in labels) for name, labels in found}
        self.assertEqual(exported, documented)
        self.assertTrue(path)

    def test_a_port_in_use_is_told(self) -> None:
        self.boot()
        exporter = self.start()
        port = exporter.address.rpartition(":")[2]
        other = subprocess.run(
            [sys.executable, "-B", PROGRAM, "--root", self.system.root, "--port", port],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        self.assertEqual(other.returncode, 1)
        self.assertIn("cannot listen", other.stderr)

    def test_a_secret_that_is_not_told_in_full_is_refused(self) -> None:
        other = subprocess.run(
            [sys.executable, "-B", PROGRAM, "--secret", "name=path"],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        self.assertEqual(other.returncode, 2)
        self.assertIn("NAME=SOURCE=TARGET", other.stderr)


if __name__ == "__main__":
    unittest.main()

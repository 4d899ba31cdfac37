"""Metrics of a NixOS system for Prometheus: store, generations, secrets, certificates."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import logging
import os
import re
import signal
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric

log = logging.getLogger("nixos-exporter")

# What needs a reboot when it differs between the booted and the current system.
BOOT_FILES = ("kernel", "initrd", "kernel-modules", "kernel-params")
GENERATION = re.compile(r"(?P<profile>.+)-(?P<number>\d+)-link")
VERSION_DATE = re.compile(r"\.(?P<date>20\d{6})\.")


@dataclass(frozen=True)
class Secret:
    """A secret by its name, its encrypted file, and the path where it is decrypted."""

    name: str
    source: Path
    target: Path

    @staticmethod
    def parse(text: str) -> Secret:
        """Reads `NAME=SOURCE=TARGET`."""
        parts = text.split("=")
        if len(parts) != 3 or not all(parts):
            raise argparse.ArgumentTypeError(f"`{text}` is not NAME=SOURCE=TARGET")
        return Secret(parts[0], Path(parts[1]), Path(parts[2]))


@dataclass(frozen=True)
class Settings:
    """What is read, and how often the store is."""

    root: Path
    state: Path | None
    store_interval: float
    secrets: tuple[Secret, ...] = ()
    certificates: tuple[Path, ...] = ()

    def at(self, path: str) -> Path:
        """A path of the system below the root."""
        return self.root / path


def gauge(name: str, text: str, labels: Iterable[str] = ()) -> GaugeMetricFamily:
    """An empty family, to which samples are added."""
    return GaugeMetricFamily(name, text, labels=list(labels))


def single(name: str, text: str, value: float) -> GaugeMetricFamily:
    """A family of one sample without labels."""
    return GaugeMetricFamily(name, text, value=value)


@contextlib.contextmanager
def store_database(path: Path) -> Iterator[sqlite3.Connection]:
    """The database, for reading only.

    Without a write-ahead log nobody has it open. Then SQLite could not read it here, because it
    would have to create one, and taking it as immutable is right.
    """
    mode = "mode=ro" if Path(f"{path}-wal").exists() else "mode=ro&immutable=1"
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?{mode}", uri=True, timeout=2)) as db:
        yield db


@dataclass
class Store:
    """Number and size of store paths, which the database knows without a walk over the store."""

    settings: Settings
    read_at: float = -1e9
    stamp: tuple[int, ...] = ()
    paths: int = 0
    size: int = 0

    def collect(self) -> Iterator[Metric]:
        now = time.monotonic()
        if now - self.read_at >= self.settings.store_interval:
            self.refresh(self.settings.at("nix/var/nix/db/db.sqlite"))
            self.read_at = now
        yield single("nixos_store_paths", "Number of valid store paths", self.paths)
        yield single("nixos_store_nar_bytes", "Size of all valid store paths, unpacked", self.size)

    def refresh(self, path: Path) -> None:
        stamp = tuple(
            part
            for file in (path, Path(f"{path}-wal"))
            if file.exists()
            for part in (file.stat().st_mtime_ns, file.stat().st_size)
        )
        if stamp and stamp == self.stamp:
            return
        with store_database(path) as db:
            query = "SELECT count(*), coalesce(sum(narSize), 0) FROM ValidPaths"
            self.paths, self.size = db.execute(query).fetchone()
        self.stamp = stamp


def link_time(path: Path) -> float:
    """When a link was made."""
    return path.lstat().st_mtime


def profiles(folder: Path) -> Iterator[tuple[str, Path, list[tuple[int, Path]]]]:
    """Each profile below a folder, with its generations in order."""
    for parent, _, _ in os.walk(folder):
        entries: dict[str, list[tuple[int, Path]]] = {}
        for entry in os.scandir(parent):
            match = GENERATION.fullmatch(entry.name)
            if match and entry.is_symlink():
                found = (int(match["number"]), Path(entry.path))
                entries.setdefault(match["profile"], []).append(found)
        for name, generations in sorted(entries.items()):
            profile = Path(parent) / name
            yield str(profile.relative_to(folder)), profile, sorted(generations)


def collect_profiles(settings: Settings) -> Iterator[Metric]:
    """Generations of the system and of users' profiles."""
    labels = ["profile"]
    count = gauge("nixos_profile_generations", "Number of generations of a profile", labels)
    current = gauge("nixos_profile_generation", "Number of the current generation", labels)
    changed = gauge(
        "nixos_profile_timestamp_seconds", "When the current generation was made", labels
    )
    oldest = gauge(
        "nixos_profile_oldest_timestamp_seconds", "When the oldest generation was made", labels
    )
    folder = settings.at("nix/var/nix/profiles")
    for name, profile, generations in profiles(folder):
        count.add_metric([name], len(generations))
        oldest.add_metric([name], min(link_time(path) for _, path in generations))
        target = Path(os.readlink(profile)).name if profile.is_symlink() else ""
        for number, path in generations:
            if path.name == target:
                current.add_metric([name], number)
                changed.add_metric([name], link_time(path))
    yield from (count, current, changed, oldest)


def real(path: Path, root: Path) -> str | None:
    """Where a link leads; links of a system are absolute, and are followed below the root."""
    if not path.is_symlink():
        return str(path) if path.exists() else None
    for _ in range(16):
        target = Path(os.readlink(path))
        path = root / target.relative_to("/") if target.is_absolute() else path.parent / target
        if not path.is_symlink():
            return str(path)
    return None


def text_of(path: Path) -> str:
    """The first line of a file that need not exist."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""


def collect_system(settings: Settings) -> Iterator[Metric]:
    """Versions, and whether the booted, the current and the next system are the same."""
    root = settings.root
    current = real(settings.at("run/current-system"), root)
    booted = real(settings.at("run/booted-system"), root)
    latest = real(settings.at("nix/var/nix/profiles/system"), root)
    if current is None:
        raise FileNotFoundError("run/current-system")
    version = text_of(Path(current) / "nixos-version")
    info = gauge("nixos_system_info", "Version of the running system", ["version", "revision"])
    info.add_metric([version, text_of(Path(current) / "configuration-revision")], 1)
    yield info
    if match := VERSION_DATE.search(version):
        date = datetime.strptime(match["date"], "%Y%m%d").replace(tzinfo=UTC)
        text = "Date of the nixpkgs that the running system was built from"
        yield single("nixos_nixpkgs_timestamp_seconds", text, date.timestamp())
    if booted is not None:
        differs = any(
            boot_part(Path(booted) / name, root) != boot_part(Path(current) / name, root)
            for name in BOOT_FILES
        )
        text = "Whether kernel, its parameters or initrd differ from what was booted"
        yield single("nixos_reboot_required", text, float(differs))
    if latest is not None:
        text = "Whether the running system is the latest generation"
        yield single("nixos_system_is_latest", text, float(latest == current))


def boot_part(path: Path, root: Path) -> str | None:
    """What identifies a part of a system: where it leads, or what it says."""
    return real(path, root) if path.is_symlink() else text_of(path) or None


def collect_gc_roots(settings: Settings) -> Iterator[Metric]:
    """Roots that keep store paths alive beside profiles, such as results of builds."""
    folder = settings.at("nix/var/nix/gcroots/auto")
    number = sum(1 for _ in os.scandir(folder)) if folder.is_dir() else 0
    yield single("nixos_gc_roots", "Number of roots that users' links made", number)


@dataclass
class Secrets:
    """When the encrypted files last changed.

    Files in the store carry no time, so the first time that a content is seen is remembered.
    """

    settings: Settings
    seen: dict[str, tuple[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        path = self.file()
        if path is None or not path.exists():
            return
        try:
            known = json.loads(path.read_text(encoding="utf-8"))
            self.seen = {str(k): (str(v[0]), float(v[1])) for k, v in known.items()}
        except (ValueError, TypeError, AttributeError, IndexError, KeyError) as error:
            log.warning("%s is not readable and begins anew: %s", path, error)

    def file(self) -> Path | None:
        return None if self.settings.state is None else self.settings.state / "secrets.json"

    def collect(self) -> Iterator[Metric]:
        labels = ["secret"]
        changed = gauge(
            "nixos_secret_timestamp_seconds",
            "When the encrypted file changed, or was first seen here",
            labels,
        )
        present = gauge("nixos_secret_present", "Whether the secret is decrypted", labels)
        before = dict(self.seen)
        for secret in self.settings.secrets:
            present.add_metric([secret.name], float(exists(secret.target)))
            if secret.source.is_file():
                changed.add_metric([secret.name], self.first_seen(secret))
        names = {secret.name for secret in self.settings.secrets}
        self.seen = {name: entry for name, entry in self.seen.items() if name in names}
        if self.seen != before:
            self.save()
        yield from (changed, present)

    def first_seen(self, secret: Secret) -> float:
        digest = hashlib.sha256(secret.source.read_bytes()).hexdigest()
        known = self.seen.get(secret.name)
        if known is None or known[0] != digest:
            known = (digest, time.time())
            self.seen[secret.name] = known
        return known[1]

    def save(self) -> None:
        path = self.file()
        if path is None:
            return
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
            json.dump(self.seen, file, indent=2, sort_keys=True)
        Path(file.name).replace(path)


def exists(path: Path) -> bool:
    """Whether a file exists, which may stand where nothing can be listed."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except PermissionError:
        # Only what exists can be forbidden.
        return True
    return True


def not_after(path: Path) -> float:
    """When the first certificate of a file ends."""
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    # Releases before 42 only have the time without its zone.
    ends = getattr(certificate, "not_valid_after_utc", None)
    if ends is None:
        ends = certificate.not_valid_after.replace(tzinfo=UTC)
    return float(ends.timestamp())


def collect_certificates(settings: Settings) -> Iterator[Metric]:
    """Ends of certificates in files."""
    ends = gauge(
        "nixos_certificate_not_after_timestamp_seconds", "When a certificate ends", ["path"]
    )
    readable = gauge(
        "nixos_certificate_readable", "Whether a file could be read as a certificate", ["path"]
    )
    for path in settings.certificates:
        try:
            ends.add_metric([str(path)], not_after(path))
            readable.add_metric([str(path)], 1)
        except (OSError, ValueError) as error:
            log.debug("%s: %s", path, error)
            readable.add_metric([str(path)], 0)
    yield from (ends, readable)


class Collector:
    """All of it; a part that fails is told and leaves the others alone."""

    def __init__(self, settings: Settings) -> None:
        self.lock = threading.Lock()
        self.failing: set[str] = set()
        self.parts: dict[str, Callable[[], Iterator[Metric]]] = {
            "store": Store(settings).collect,
            "profiles": lambda: collect_profiles(settings),
            "system": lambda: collect_system(settings),
            "gc-roots": lambda: collect_gc_roots(settings),
            "secrets": Secrets(settings).collect,
            "certificates": lambda: collect_certificates(settings),
        }

    def collect(self) -> Iterator[Metric]:
        labels = ["collector"]
        success = gauge("nixos_collector_success", "Whether a part could be read", labels)
        duration = gauge("nixos_collector_duration_seconds", "How long that took", labels)
        metrics: list[Metric] = []
        with self.lock:
            for name, part in self.parts.items():
                start = time.perf_counter()
                try:
                    metrics.extend(list(part()))
                    self.failing.discard(name)
                except (OSError, ValueError, sqlite3.Error) as error:
                    if name not in self.failing:
                        log.warning("%s cannot be read: %s", name, error)
                    self.failing.add(name)
                success.add_metric([name], float(name not in self.failing))
                duration.add_metric([name], time.perf_counter() - start)
        yield from metrics
        yield from (success, duration)


def arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nixos-exporter", description=__doc__)
    parser.add_argument("--address", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=9101, help="port to listen on")
    parser.add_argument("--root", type=Path, default=Path("/"), help="root of the system to read")
    parser.add_argument("--state", type=Path, help="folder to remember things in")
    parser.add_argument(
        "--store-interval",
        type=float,
        default=300,
        metavar="SECONDS",
        help="time between two readings of the store's database",
    )
    parser.add_argument(
        "--secret",
        type=Secret.parse,
        action="append",
        default=[],
        metavar="NAME=SOURCE=TARGET",
        help="a secret: its name, encrypted file, and path when decrypted",
    )
    parser.add_argument(
        "--certificate",
        type=Path,
        action="append",
        default=[],
        metavar="PATH",
        help="a file with a certificate",
    )
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    args = arguments(sys.argv[1:] if words is None else words)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    settings = Settings(
        root=args.root,
        state=args.state,
        store_interval=args.store_interval,
        secrets=tuple(args.secret),
        certificates=tuple(args.certificate),
    )
    registry = CollectorRegistry()
    registry.register(Collector(settings))
    try:
        start_http_server(args.port, addr=args.address, registry=registry)
    except OSError as error:
        log.error("cannot listen on %s:%d: %s", args.address, args.port, error)
        return 1
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    log.info("listening on %s:%d", args.address, args.port)
    stop.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The HTTP side, and what both commands have in common."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder

from media_exporters import refresh
from media_exporters.metrics import Families

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from prometheus_client.core import Metric
    from prometheus_client.registry import Collector

    from media_exporters.metrics import Table


class _Handler(BaseHTTPRequestHandler):
    registry: ClassVar[CollectorRegistry]
    timeout = 30

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/metrics":
            encode, content_type = choose_encoder(self.headers.get("Accept", ""))
            self._answer(200, content_type, encode(self.registry))
        elif path == "/":
            self._answer(200, "text/plain; charset=utf-8", b"metrics are at /metrics\n")
        else:
            self._answer(404, "text/plain; charset=utf-8", b"not found\n")

    def _answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """A scrape is no news."""


def make_server(address: str, port: int, collector: Collector) -> ThreadingHTTPServer:
    """Bind a server that offers the collector's metrics and those of this process."""
    registry = CollectorRegistry()
    registry.register(collector)
    ProcessCollector(registry=registry)
    handler = type("Handler", (_Handler,), {"registry": registry})
    return ThreadingHTTPServer((address, port), handler)


class Exporter:
    """A collector over sources. A scrape prints what the last refreshes found."""

    def __init__(self, prefix: str, table: Table, sources: Sequence[refresh.Source]) -> None:
        self.sources = sources
        self._prefix = prefix
        self._table = table

    def collect(self) -> Iterable[Metric]:
        """Tell what is known."""
        for source in self.sources:
            if (families := source.value) is not None:
                yield from families
        health = Families(self._table)
        refresh.add_health(health, self._prefix, self.sources)
        yield from health

    def describe(self) -> Iterable[Metric]:
        """Have registering ask for nothing."""
        return ()


def positive(text: str) -> float:
    """Parse a number of seconds."""
    value = float(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"`{text}` is not positive")
    return value


def arguments(description: str, port: int) -> argparse.ArgumentParser:
    """Make a parser with what both commands take."""
    parser = argparse.ArgumentParser(description=description, allow_abbrev=False)
    parser.add_argument("--listen-address", default="127.0.0.1", metavar="ADDRESS")
    parser.add_argument("--port", type=int, default=port)
    parser.add_argument(
        "--timeout", type=positive, default=10, metavar="SECONDS", help="for one request"
    )
    parser.add_argument(
        "--interval",
        type=positive,
        default=15,
        metavar="SECONDS",
        help="between readings of what changes quickly",
    )
    parser.add_argument(
        "--history-interval",
        type=positive,
        default=300,
        metavar="SECONDS",
        help="between readings of the history",
    )
    return parser


def existing_url(text: str) -> str:
    """Parse the address of a server."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise argparse.ArgumentTypeError(f"`{text}` is no http address")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise argparse.ArgumentTypeError("an address holds no credentials and no query")
    return text.rstrip("/")


def secret_file(text: str) -> Path:
    """Parse the path of a secret; it is read when it is needed, so that it may change."""
    return Path(text)


def run(exporter: Exporter, address: str, port: int) -> int:
    """Refresh and serve until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    try:
        server = make_server(address, port, exporter)
    except OSError as error:
        logging.error("cannot listen on %s:%d: %s", address, port, error)  # noqa: LOG015, TRY400
        return 1
    stop = threading.Event()

    def leave(_signal: int, _frame: object) -> None:
        stop.set()
        threading.Thread(target=server.shutdown, daemon=True).start()

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, leave)
    refresh.start(exporter.sources, stop)
    logging.info("listening on %s:%d", *server.server_address[:2])  # noqa: LOG015
    with server:
        server.serve_forever(poll_interval=0.1)
    return 0

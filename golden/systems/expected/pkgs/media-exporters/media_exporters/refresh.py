"""Sources that are read in the background, so that a scrape only prints what is known."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from media_exporters.fetch import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from media_exporters.metrics import Families

log = logging.getLogger("exporter")


@dataclass
class Source:
    """Something that is read every `interval` seconds and made into metrics there and then.

    With `keep` the last value is served until the next refresh succeeds; without, a source that
    cannot be read has none, because an old one would mislead.
    """

    name: str
    interval: float
    load: Callable[[], Families]
    keep: bool = False
    value: Families | None = None
    up: bool = False
    last_success: float | None = None
    seconds: float | None = None
    errors: Counter[str] = field(default_factory=Counter)
    _told: bool | None = None

    def refresh(self) -> None:
        """Read once; a failure is counted and logged when it begins, not each time."""
        started = time.monotonic()
        try:
            value = self.load()
        except SourceError as error:
            self._failed(error.reason, str(error))
        except Exception as error:
            # The next refresh may do better; the exporter goes on and says so.
            log.exception("%s: unexpected", self.name)
            self._failed("malformed", repr(error))
        else:
            self.value, self.up, self.last_success = value, True, time.time()
            if self._told is not True:
                log.info("%s: read", self.name)
                self._told = True
        self.seconds = time.monotonic() - started

    def _failed(self, reason: str, message: str) -> None:
        self.errors[reason] += 1
        self.up = False
        if not self.keep:
            self.value = None
        if self._told is not False:
            log.warning("%s: %s", self.name, message)
            self._told = False


def start(sources: Sequence[Source], stop: threading.Event) -> list[threading.Thread]:
    """Refresh each source in a thread of its own until `stop`."""

    def run(source: Source) -> None:
        while not stop.is_set():
            source.refresh()
            stop.wait(source.interval)

    threads = [
        threading.Thread(target=run, args=(source,), name=source.name, daemon=True)
        for source in sources
    ]
    for thread in threads:
        thread.start()
    return threads


def add_health(families: Families, prefix: str, sources: Sequence[Source]) -> None:
    """Tell how the sources fare."""
    for source in sources:
        families.add(f"{prefix}_exporter_source_up", int(source.up), source.name)
        if source.last_success is not None:
            families.add(
                f"{prefix}_exporter_source_last_success_timestamp_seconds",
                source.last_success,
                source.name,
            )
        if source.seconds is not None:
            families.add(f"{prefix}_exporter_source_refresh_seconds", source.seconds, source.name)
        for reason, count in sorted(source.errors.copy().items()):
            families.add(f"{prefix}_exporter_source_errors_total", count, source.name, reason)

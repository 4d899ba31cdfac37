"""Tautulli's API, as far as the exporter asks it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from media_exporters.fetch import SourceError, fetch_json, read_secret
from media_exporters.shape import Record, number, record, records, text

if TYPE_CHECKING:
    from pathlib import Path

DAY = 86400


@dataclass(frozen=True)
class Tautulli:
    """A server; the key is read again for each question, so that it may be changed."""

    url: str
    key_file: Path
    timeout: float

    def ask(self, command: str, **arguments: object) -> Any:  # noqa: ANN401
        """Return `data` of the answer. The key goes into the body: addresses end up in logs."""
        form = {"apikey": read_secret(self.key_file), "cmd": command, **arguments}
        answer = fetch_json(
            f"{self.url}/api/v2",
            urlencode(form).encode(),
            {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
            self.timeout,
        )
        response = record(record(answer, "the answer").get("response"), "`response`")
        if response.get("result") != "success":
            said = str(response.get("message") or "no reason given")
            reason = "auth" if "apikey" in said.lower() else "api"
            raise SourceError(reason, f"Tautulli refused `{command}`: {said}")
        return response.get("data")

    def activity(self) -> Record:
        """Return the current streams. Tautulli has none to tell of while Plex is away."""
        data = record(self.ask("get_activity"), "the activity")
        if "sessions" not in data:
            raise SourceError("api", "Tautulli cannot reach Plex")
        records(data["sessions"], "the sessions")
        return data

    def libraries(self) -> list[Record]:
        """Return the libraries with their counts."""
        return records(self.ask("get_libraries"), "the libraries")

    def resolutions(self, days: int) -> list[tuple[str, str, float]]:
        """Return plays by resolution and decision over some days."""
        data = record(
            self.ask("get_plays_by_stream_resolution", time_range=days, y_axis="plays"),
            "the resolutions",
        )
        names = data.get("categories")
        if not isinstance(names, list):
            raise SourceError("malformed", "`categories` is no list")
        found = []
        for series in records(data.get("series"), "`series`"):
            counts = series.get("data")
            if not isinstance(counts, list) or len(counts) != len(names):
                raise SourceError("malformed", "a series does not fit its categories")
            decision = text(series, "name").lower()
            found += [
                (str(name), decision, number({"plays": count}, "plays"))
                for name, count in zip(names, counts, strict=True)
            ]
        return found


@dataclass(frozen=True, slots=True)
class Play:
    """A finished play, reduced to what is counted."""

    started: float
    seconds: float
    user: str
    platform: str
    title: str
    media_type: str
    decision: str
    location: str


def _play(row: Record) -> Play:
    media_type = text(row, "media_type")
    # Episodes and tracks count for their show and artist.
    title = text(row, "full_title")
    if media_type in ("episode", "track"):
        title = text(row, "grandparent_title", title)
    return Play(
        started=number(row, "started"),
        seconds=number(row, "play_duration", number(row, "duration")),
        user=text(row, "friendly_name", text(row, "user")),
        platform=text(row, "platform"),
        title=title,
        media_type=media_type,
        decision=text(row, "transcode_decision"),
        location=text(row, "location"),
    )


class History:
    """Plays of the last days. The first reading takes all of them, later ones only what is new."""

    PAGE = 1000
    # Rows may be deleted in Tautulli; once in so many readings all are read again.
    FULL_EVERY = 100

    def __init__(self, tautulli: Tautulli, days: int) -> None:
        self._tautulli = tautulli
        self._days = days
        self._plays: dict[int, Play] = {}
        self._readings = 0

    def load(self) -> list[Play]:
        """Return the plays. Nothing is taken over from a reading that did not succeed."""
        oldest = time.time() - self._days * DAY
        whole = self._readings % self.FULL_EVERY == 0
        known = {} if whole else self._plays
        new = self._read(known, oldest)
        self._plays = {
            row: play for row, play in {**known, **new}.items() if play.started >= oldest
        }
        self._readings += 1
        return list(self._plays.values())

    def _read(self, known: dict[int, Play], oldest: float) -> dict[int, Play]:
        """Read pages, the latest stop first, until one holds a row that is known."""
        # By Tautulli's own calendar; two days more than needed, whatever its time zone.
        after = time.strftime("%Y-%m-%d", time.gmtime(oldest - 2 * DAY))
        found: dict[int, Play] = {}
        start = 0
        while True:
            page = record(
                self._tautulli.ask(
                    "get_history",
                    grouping=0,
                    include_activity=0,
                    after=after,
                    order_column="stopped",
                    order_dir="desc",
                    start=start,
                    length=self.PAGE,
                ),
                "the history",
            )
            rows = records(page.get("data"), "the history's rows")
            reached = False
            for row in rows:
                # A row without an id is a stream that is still running.
                if row.get("row_id") is None:
                    continue
                row_id = int(number(row, "row_id"))
                if row_id in known:
                    reached = True
                else:
                    found[row_id] = _play(row)
            start += len(rows)
            if reached or len(rows) < self.PAGE or start >= number(page, "recordsFiltered"):
                return found

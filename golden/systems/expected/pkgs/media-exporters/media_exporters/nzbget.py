"""`nzbget-exporter`: what NZBGet does, by its JSON-RPC."""

from __future__ import annotations

import base64
import json
import sys
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from media_exporters import metrics, refresh, serve
from media_exporters.fetch import SourceError, fetch_json, read_secret
from media_exporters.metrics import Described, Families
from media_exporters.shape import Record, number, record, records, text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

STATUS: metrics.Table = {
    "nzbget_download_rate_bytes_per_second": Described("Speed of the downloads"),
    "nzbget_download_rate_average_bytes_per_second": Described(
        "Speed of the downloads since the server started"
    ),
    "nzbget_download_limit_bytes_per_second": Described("Limit of the speed; 0 is none"),
    "nzbget_paused": Described(
        "Whether something is paused: download, post (post-processing), scan", ("what",)
    ),
    "nzbget_standby": Described("Whether nothing is being downloaded"),
    "nzbget_quota_reached": Described("Whether the quota is used up"),
    "nzbget_downloaded_bytes_total": Described("Volume since the server started"),
    "nzbget_downloaded_day_bytes": Described("Volume of today"),
    "nzbget_downloaded_month_bytes": Described("Volume of this month"),
    "nzbget_article_cache_bytes": Described("Articles kept in memory"),
    "nzbget_disk_free_bytes": Described("Free space where downloads go"),
    "nzbget_uptime_seconds": Described("Time since the server started"),
    "nzbget_download_seconds_total": Described("Time spent downloading since the server started"),
    "nzbget_post_queue_items": Described("Items that wait for or are in post-processing"),
    "nzbget_url_queue_items": Described("Addresses that wait to be fetched"),
    "nzbget_news_server_active": Described("Whether a news server is enabled", ("server",)),
}

QUEUE: metrics.Table = {
    "nzbget_queue_items": Described("Items of the queue"),
    "nzbget_queue_items_by_status": Described(
        "Items of the queue by status: queued, paused, downloading, and stages of post-processing",
        ("status",),
    ),
    "nzbget_queue_items_by_category": Described("Items of the queue by category", ("category",)),
    "nzbget_queue_bytes": Described("Size of all items of the queue"),
    "nzbget_queue_remaining_bytes": Described("What is left to download"),
}

HISTORY: metrics.Table = {
    "nzbget_history_items": Described(
        "Items of the history by result: success, failure, warning, deleted", ("result",)
    ),
    "nzbget_history_items_by_category": Described(
        "Items of the history by category and result", ("category", "result")
    ),
    "nzbget_history_failures": Described(
        "Failed items of the history by cause: par, unpack, move, health, fetch …", ("cause",)
    ),
    "nzbget_history_bytes": Described("Volume of all items of the history"),
    "nzbget_history_download_seconds": Described("Time spent downloading them"),
    "nzbget_history_last_timestamp_seconds": Described("When the latest item came in"),
}

TABLES = (
    ("State", STATUS),
    ("Queue", QUEUE),
    ("History", HISTORY),
    ("The exporter itself", metrics.health("nzbget")),
)
TABLE: metrics.Table = {name: it for _, table in TABLES for name, it in table.items()}

RESULTS = ("success", "failure", "warning", "deleted")
PAUSED = {"download": "DownloadPaused", "post": "PostPaused", "scan": "ScanPaused"}


@dataclass(frozen=True)
class Nzbget:
    """A server; the password is read again for each question, so that it may be changed."""

    url: str
    user: str
    password_file: Path
    timeout: float

    def ask(self, method: str, *parameters: object) -> Any:  # noqa: ANN401
        """Call a method and return its result."""
        credentials = f"{self.user}:{read_secret(self.password_file)}".encode()
        answer = fetch_json(
            f"{self.url}/jsonrpc",
            json.dumps({"method": method, "params": parameters, "id": 1}).encode(),
            {
                "Content-Type": "application/json",
                "Authorization": "Basic " + base64.b64encode(credentials).decode(),
            },
            self.timeout,
        )
        answer = record(answer, "the answer")
        if (error := answer.get("error")) is not None:
            raise SourceError("api", f"NZBGet refused `{method}`: {error}")
        if "result" not in answer:
            raise SourceError("malformed", "the answer has no `result`")
        return answer["result"]

    def status(self) -> Record:
        """Return the state of the server."""
        status = record(self.ask("status"), "the status")
        if "DownloadPaused" not in status:
            raise SourceError("malformed", "the status lacks `DownloadPaused`")
        return status

    def queue(self) -> list[Record]:
        """Return the items of the queue."""
        return records(self.ask("listgroups", 0), "the queue")

    def history(self) -> HistorySummary:
        """Count the items of the history."""
        return summarize(records(self.ask("history", False), "the history"))  # noqa: FBT003


def wide(row: Record, name: str) -> float:
    """Read a number of 64 bits from its two halves; older servers have only the lower one."""
    if f"{name}Lo" in row:
        return number(row, f"{name}Hi") * 2**32 + number(row, f"{name}Lo")
    return number(row, name)


def add_status(families: Families, status: Record) -> None:
    """Tell how the server fares."""
    for name, value in (
        ("download_rate_bytes_per_second", wide(status, "DownloadRate")),
        ("download_rate_average_bytes_per_second", wide(status, "AverageDownloadRate")),
        ("download_limit_bytes_per_second", number(status, "DownloadLimit")),
        ("standby", bool(status.get("ServerStandBy"))),
        ("quota_reached", bool(status.get("QuotaReached"))),
        ("downloaded_bytes_total", wide(status, "DownloadedSize")),
        ("downloaded_day_bytes", wide(status, "DaySize")),
        ("downloaded_month_bytes", wide(status, "MonthSize")),
        ("article_cache_bytes", wide(status, "ArticleCache")),
        ("disk_free_bytes", wide(status, "FreeDiskSpace")),
        ("uptime_seconds", number(status, "UpTimeSec")),
        ("download_seconds_total", number(status, "DownloadTimeSec")),
        ("post_queue_items", number(status, "PostJobCount")),
        ("url_queue_items", number(status, "UrlCount")),
    ):
        families.add(f"nzbget_{name}", value)
    for what, key in PAUSED.items():
        families.add("nzbget_paused", bool(status.get(key)), what)
    servers = records(status.get("NewsServers") or [], "the news servers")
    active = {text(server, "ID"): bool(server.get("Active")) for server in servers}
    for server, is_active in sorted(active.items()):
        families.add("nzbget_news_server_active", is_active, server)


def add_queue(families: Families, queue: Sequence[Record]) -> None:
    """Tell what is in the queue."""
    families.add("nzbget_queue_items", len(queue))
    families.add_all(
        "nzbget_queue_items_by_status", Counter(text(item, "Status").lower() for item in queue)
    )
    families.add_all(
        "nzbget_queue_items_by_category", Counter(text(item, "Category", "none") for item in queue)
    )
    families.add("nzbget_queue_bytes", sum(wide(item, "FileSize") for item in queue))
    families.add("nzbget_queue_remaining_bytes", sum(wide(item, "RemainingSize") for item in queue))


@dataclass(frozen=True)
class HistorySummary:
    """The history, counted. Made when the history is read, not when it is scraped."""

    results: Counter[str]
    categories: Counter[tuple[str, str]]
    causes: Counter[str]
    size: float
    seconds: float
    last: float | None


def summarize(history: Sequence[Record]) -> HistorySummary:
    """Count the items of a history."""
    results: Counter[str] = Counter(dict.fromkeys(RESULTS, 0))
    categories: Counter[tuple[str, str]] = Counter()
    causes: Counter[str] = Counter()
    for item in history:
        result, _, cause = text(item, "Status").lower().partition("/")
        results[result] += 1
        categories[text(item, "Category", "none"), result] += 1
        if result == "failure":
            causes[cause or "unknown"] += 1
    return HistorySummary(
        results=results,
        categories=categories,
        causes=causes,
        size=sum(wide(item, "DownloadedSize") for item in history),
        seconds=sum(number(item, "DownloadTimeSec") for item in history),
        last=max((number(item, "HistoryTime") for item in history), default=None),
    )


def add_history(families: Families, summary: HistorySummary) -> None:
    """Tell what became of past downloads."""
    families.add_all("nzbget_history_items", summary.results)
    for (category, result), count in sorted(summary.categories.items()):
        families.add("nzbget_history_items_by_category", count, category, result)
    families.add_all("nzbget_history_failures", summary.causes)
    families.add("nzbget_history_bytes", summary.size)
    families.add("nzbget_history_download_seconds", summary.seconds)
    if summary.last is not None:
        families.add("nzbget_history_last_timestamp_seconds", summary.last)


def nzbget_exporter(nzbget: Nzbget, *, interval: float, history_interval: float) -> serve.Exporter:
    """Make the exporter."""
    made = metrics.made
    sources = (
        refresh.Source("status", interval, made(TABLE, add_status, nzbget.status)),
        refresh.Source("queue", interval, made(TABLE, add_queue, nzbget.queue)),
        refresh.Source(
            "history", history_interval, made(TABLE, add_history, nzbget.history), keep=True
        ),
    )
    return serve.Exporter("nzbget", TABLE, sources)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the exporter."""
    parser = serve.arguments("Metrics of an NZBGet server.", 9103)
    parser.add_argument("--url", type=serve.existing_url, default="http://127.0.0.1:6789")
    parser.add_argument("--user", default="nzbget")
    parser.add_argument("--password-file", type=serve.secret_file, metavar="FILE")
    parser.add_argument("--describe", action="store_true", help="print what is exported and leave")
    options = parser.parse_args(argv)
    if options.describe:
        sys.stdout.write(metrics.markdown("nzbget-exporter", TABLES))
        return 0
    if options.password_file is None:
        parser.error("the following arguments are required: --password-file")
    exporter = nzbget_exporter(
        Nzbget(options.url, options.user, options.password_file, options.timeout),
        interval=options.interval,
        history_interval=options.history_interval,
    )
    return serve.run(exporter, options.listen_address, options.port)


if __name__ == "__main__":
    sys.exit(main())

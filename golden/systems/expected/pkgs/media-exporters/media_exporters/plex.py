"""`plex-exporter`: what Plex does, as Tautulli tells it."""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from media_exporters import metrics, refresh, serve
from media_exporters.metrics import Described, Families
from media_exporters.shape import Record, number, text
from media_exporters.tautulli import DAY, History, Play, Tautulli

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

T = TypeVar("T")
K = TypeVar("K", str, tuple[str, str])

ACTIVITY: metrics.Table = {
    "plex_streams": Described("Streams that are running"),
    "plex_streams_by_decision": Described(
        "Streams by what the server does: direct play, copy (direct stream), transcode",
        ("decision",),
    ),
    "plex_streams_by_state": Described("Streams by state: playing, paused, buffering", ("state",)),
    "plex_streams_by_network": Described("Streams by network: lan, wan", ("network",)),
    "plex_streams_by_type": Described(
        "Streams by type: movie, episode, track, live …", ("media_type",)
    ),
    "plex_streams_by_quality": Described(
        "Video streams by the resolution that is sent", ("resolution",)
    ),
    "plex_streams_by_platform": Described("Streams by platform of the player", ("platform",)),
    "plex_streams_by_user": Described("Streams by user", ("user",)),
    "plex_transcodes": Described("Streams of which video or audio is transcoded"),
    "plex_transcodes_video": Described("Streams of which video is transcoded"),
    "plex_transcodes_hardware": Described("Streams whose video is encoded by hardware"),
    "plex_transcodes_throttled": Described("Transcodes that wait because they are far ahead"),
    "plex_bandwidth_bits_per_second": Described(
        "Bandwidth that Plex reserves for the streams, by network", ("network",)
    ),
    "plex_stream_progress_ratio": Described(
        "How far each stream is, from 0 to 1",
        ("session", "user", "title", "media_type", "player", "decision", "resolution", "state"),
    ),
}

LIBRARIES: metrics.Table = {
    "plex_library_items": Described(
        "Items of a library, by kind: movies; shows, seasons, episodes; artists, albums, tracks",
        ("library", "kind"),
    ),
}

HISTORY: metrics.Table = {
    "plex_history_window_seconds": Described("Time that the history covers"),
    "plex_history_plays": Described("Plays within the window"),
    "plex_history_watch_seconds": Described("Time played within the window"),
    "plex_history_last_play_timestamp_seconds": Described("When the latest play began"),
    "plex_history_plays_by_decision": Described(
        "Plays within the window, by decision", ("decision",)
    ),
    "plex_history_plays_by_type": Described("Plays within the window, by type", ("media_type",)),
    "plex_history_plays_by_network": Described("Plays within the window, by network", ("network",)),
    "plex_history_plays_by_quality": Described(
        "Plays within the window, by the resolution that was sent and decision",
        ("resolution", "decision"),
    ),
    "plex_history_user_plays": Described(
        "Plays within the window of the users with most", ("user",)
    ),
    "plex_history_user_watch_seconds": Described("Time played by the same users", ("user",)),
    "plex_history_users": Described("Users that played something within the window"),
    "plex_history_platform_plays": Described(
        "Plays within the window on the platforms with most", ("platform",)
    ),
    "plex_history_title_plays": Described(
        "Plays within the window of the titles with most; episodes count for their show, tracks "
        "for their artist",
        ("title", "media_type"),
    ),
    "plex_history_title_watch_seconds": Described(
        "Time played of the same titles", ("title", "media_type")
    ),
}

TABLES = (
    ("Current streams", ACTIVITY),
    ("Libraries", LIBRARIES),
    ("History", HISTORY),
    ("The exporter itself", metrics.health("plex")),
)
TABLE: metrics.Table = {name: it for _, table in TABLES for name, it in table.items()}

DECISIONS = ("direct play", "copy", "transcode")
NETWORKS = ("lan", "wan")

KINDS = {
    "movie": {"count": "movies"},
    "show": {"count": "shows", "parent_count": "seasons", "child_count": "episodes"},
    "artist": {"count": "artists", "parent_count": "albums", "child_count": "tracks"},
    "photo": {"count": "albums", "parent_count": "photos", "child_count": "clips"},
}


def _tally(names: Iterable[str], zeros: Sequence[str] = ()) -> Counter[str]:
    """Count names; those of `zeros` are there even if they do not occur."""
    tally = Counter(dict.fromkeys(zeros, 0))
    tally.update(names)
    return tally


def _resolution(session: Record) -> str:
    return text(session, "stream_video_full_resolution", text(session, "video_full_resolution"))


def add_activity(families: Families, activity: Record) -> None:
    """Tell of the streams that are running."""
    sessions = activity["sessions"]
    video = [session for session in sessions if text(session, "media_type") != "track"]
    families.add("plex_streams", len(sessions))
    for name, key, zeros in (
        ("plex_streams_by_decision", "transcode_decision", DECISIONS),
        ("plex_streams_by_state", "state", ("playing", "paused", "buffering")),
        ("plex_streams_by_network", "location", NETWORKS),
        ("plex_streams_by_type", "media_type", ()),
        ("plex_streams_by_platform", "platform", ()),
        ("plex_streams_by_user", "friendly_name", ()),
    ):
        families.add_all(name, _tally((text(session, key) for session in sessions), zeros))
    families.add_all("plex_streams_by_quality", _tally(_resolution(session) for session in video))

    transcodes = [
        session for session in sessions if text(session, "transcode_decision") == "transcode"
    ]
    families.add("plex_transcodes", len(transcodes))
    families.add(
        "plex_transcodes_video",
        sum(text(session, "video_decision") == "transcode" for session in video),
    )
    families.add(
        "plex_transcodes_hardware",
        sum(number(session, "transcode_hw_encoding") == 1 for session in transcodes),
    )
    families.add(
        "plex_transcodes_throttled",
        sum(number(session, "transcode_throttled") == 1 for session in transcodes),
    )
    for network in NETWORKS:
        kilobits = number(activity, f"{network}_bandwidth")
        families.add("plex_bandwidth_bits_per_second", kilobits * 1000, network)
    seen = set()
    for position, session in enumerate(sessions):
        # Two samples of one set of labels would spoil the whole scrape.
        key = text(session, "session_key", str(position))
        if key in seen:
            key = f"{key}-{position}"
        seen.add(key)
        families.add(
            "plex_stream_progress_ratio",
            number(session, "progress_percent") / 100,
            key,
            text(session, "friendly_name"),
            text(session, "full_title"),
            text(session, "media_type"),
            text(session, "player"),
            text(session, "transcode_decision"),
            _resolution(session) if session in video else "none",
            text(session, "state"),
        )


def add_libraries(families: Families, libraries: Sequence[Record]) -> None:
    """Tell how much is in the libraries; of two with one name the items are added."""
    counts: Counter[tuple[str, str]] = Counter()
    for library in libraries:
        kinds = KINDS.get(text(library, "section_type"), {"count": "items"})
        for key, kind in kinds.items():
            if library.get(key) is not None:
                counts[text(library, "section_name"), kind] += int(number(library, key))
    for (name, kind), count in sorted(counts.items()):
        families.add("plex_library_items", count, name, kind)


@dataclass(frozen=True)
class Summary:
    """The history, counted. Made when the history is read, not when it is scraped."""

    window: float
    plays: int
    seconds: float
    users: int
    last: float | None
    decisions: Counter[str]
    types: Counter[str]
    networks: Counter[str]
    top_users: list[tuple[str, int, float]]
    top_platforms: list[tuple[str, int]]
    top_titles: list[tuple[tuple[str, str], int, float]]


def summarize(plays: Sequence[Play], days: int, top: int) -> Summary:
    """Count plays; equal counts are ordered by name, so that the same ones stay in."""
    users: Counter[str] = Counter()
    user_seconds: defaultdict[str, float] = defaultdict(float)
    titles: Counter[tuple[str, str]] = Counter()
    title_seconds: defaultdict[tuple[str, str], float] = defaultdict(float)
    for play in plays:
        users[play.user] += 1
        user_seconds[play.user] += play.seconds
        titles[play.title, play.media_type] += 1
        title_seconds[play.title, play.media_type] += play.seconds

    def first(counts: Counter[K]) -> list[tuple[K, int]]:
        return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:top]

    return Summary(
        window=days * DAY,
        plays=len(plays),
        seconds=sum(play.seconds for play in plays),
        users=len(users),
        last=max((play.started for play in plays), default=None),
        decisions=_tally((play.decision for play in plays), DECISIONS),
        types=_tally(play.media_type for play in plays),
        networks=_tally((play.location for play in plays), NETWORKS),
        top_users=[(user, count, user_seconds[user]) for user, count in first(users)],
        top_platforms=first(_tally(play.platform for play in plays)),
        top_titles=[(title, count, title_seconds[title]) for title, count in first(titles)],
    )


def add_history(families: Families, summary: Summary) -> None:
    """Tell of the last days."""
    families.add("plex_history_window_seconds", summary.window)
    families.add("plex_history_plays", summary.plays)
    families.add("plex_history_watch_seconds", summary.seconds)
    families.add("plex_history_users", summary.users)
    if summary.last is not None:
        families.add("plex_history_last_play_timestamp_seconds", summary.last)
    families.add_all("plex_history_plays_by_decision", summary.decisions)
    families.add_all("plex_history_plays_by_type", summary.types)
    families.add_all("plex_history_plays_by_network", summary.networks)
    for user, count, seconds in summary.top_users:
        families.add("plex_history_user_plays", count, user)
        families.add("plex_history_user_watch_seconds", seconds, user)
    for platform, count in summary.top_platforms:
        families.add("plex_history_platform_plays", count, platform)
    for (title, media_type), count, seconds in summary.top_titles:
        families.add("plex_history_title_plays", count, title, media_type)
        families.add("plex_history_title_watch_seconds", seconds, title, media_type)


def add_qualities(families: Families, plays: Sequence[tuple[str, str, float]]) -> None:
    """Tell what was sent in the last days."""
    counts: defaultdict[tuple[str, str], float] = defaultdict(float)
    for resolution, decision, count in plays:
        counts[resolution, decision] += count
    for (resolution, decision), count in sorted(counts.items()):
        families.add("plex_history_plays_by_quality", count, resolution, decision)


def plex_exporter(
    tautulli: Tautulli, *, days: int, top: int, interval: float, history_interval: float
) -> serve.Exporter:
    """Make the exporter."""
    history = History(tautulli, days)

    def source(
        name: str, every: float, add: Callable[[Families, T], None], load: Callable[[], T]
    ) -> refresh.Source:
        # Streams of a while ago would mislead; counts of a while ago are better than none.
        return refresh.Source(name, every, metrics.made(TABLE, add, load), keep=name != "activity")

    sources = (
        source("activity", interval, add_activity, tautulli.activity),
        source("libraries", history_interval, add_libraries, tautulli.libraries),
        source(
            "history", history_interval, add_history, lambda: summarize(history.load(), days, top)
        ),
        source("qualities", history_interval, add_qualities, lambda: tautulli.resolutions(days)),
    )
    return serve.Exporter("plex", TABLE, sources)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the exporter."""
    parser = serve.arguments("Metrics of a Plex server, from Tautulli.", 9104)
    parser.add_argument("--url", type=serve.existing_url, default="http://127.0.0.1:8181")
    parser.add_argument("--api-key-file", type=serve.secret_file, metavar="FILE")
    parser.add_argument("--days", type=int, default=30, help="that the history covers")
    parser.add_argument("--top", type=int, default=10, help="users, platforms and titles to list")
    parser.add_argument("--describe", action="store_true", help="print what is exported and leave")
    options = parser.parse_args(argv)
    if options.describe:
        sys.stdout.write(metrics.markdown("plex-exporter", TABLES))
        return 0
    if options.api_key_file is None:
        parser.error("the following arguments are required: --api-key-file")
    if options.days < 1 or options.top < 1:
        parser.error("--days and --top are at least 1")
    exporter = plex_exporter(
        Tautulli(options.url, options.api_key_file, options.timeout),
        days=options.days,
        top=options.top,
        interval=options.interval,
        history_interval=options.history_interval,
    )
    return serve.run(exporter, options.listen_address, options.port)


if __name__ == "__main__":
    sys.exit(main())

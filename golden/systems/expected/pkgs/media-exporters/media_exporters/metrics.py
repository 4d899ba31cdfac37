"""Tables of metrics: a name is declared once, with its help; exported and documented from there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping


@dataclass(frozen=True)
class Described:
    """A metric: what it tells and the names of its labels. Counters end in `_total`."""

    help: str
    labels: tuple[str, ...] = ()


Table = dict[str, Described]


class Families:
    """Samples by metric, in the order of the table."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}

    def add(self, name: str, value: float, *labels: str) -> None:
        """Add a sample of a metric that the table has."""
        if name not in self._families:
            described = self._table[name]
            kind = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
            self._families[name] = kind(name, described.help, labels=described.labels)
        self._families[name].add_metric(labels, value)

    def add_all(self, name: str, values: Mapping[str, float]) -> None:
        """Add a sample for each value of the only label."""
        for label, value in sorted(values.items()):
            self.add(name, value, label)

    def __iter__(self) -> Iterator[Metric]:
        return iter(self._families[name] for name in self._table if name in self._families)


T = TypeVar("T")


def made(
    table: Table, add: Callable[[Families, T], None], load: Callable[[], T]
) -> Callable[[], Families]:
    """Return what loads a value and makes it into metrics."""

    def run() -> Families:
        families = Families(table)
        add(families, load())
        return families

    return run


def health(prefix: str) -> Table:
    """Return what each exporter tells of its sources."""
    return {
        f"{prefix}_exporter_source_up": Described(
            "Whether the last refresh of a source succeeded", ("source",)
        ),
        f"{prefix}_exporter_source_last_success_timestamp_seconds": Described(
            "When a source was last read", ("source",)
        ),
        f"{prefix}_exporter_source_refresh_seconds": Described(
            "How long the last refresh of a source took", ("source",)
        ),
        f"{prefix}_exporter_source_errors_total": Described(
            "Refreshes that failed, by reason: api, auth, connection, http, malformed, timeout",
            ("source", "reason"),
        ),
    }


def markdown(title: str, tables: Iterable[tuple[str, Table]]) -> str:
    """Write the documentation of some tables."""
    lines = [f"## {title}", ""]
    for heading, table in tables:
        lines += [f"### {heading}", "", "| metric | labels | tells |", "|---|---|---|"]
        for name, described in table.items():
            labels = ", ".join(f"`{label}`" for label in described.labels)
            lines.append(f"| `{name}` | {labels} | {described.help} |")
        lines.append("")
    return "\n".join(lines)

"""What a JSON value should be: checked where it comes in, so that nothing else has to."""

from __future__ import annotations

from typing import Any

from media_exporters.fetch import SourceError

Record = dict[str, Any]


def record(value: object, what: str) -> Record:
    """Take `value` as an object."""
    if not isinstance(value, dict):
        raise SourceError("malformed", f"{what} is no object")
    return value


def records(value: object, what: str) -> list[Record]:
    """Take `value` as a list of objects."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise SourceError("malformed", f"{what} is no list of objects")
    return value


def number(row: Record, key: str, default: float = 0) -> float:
    """Read a number that may be written as text, as both programs do now and then."""
    value = row.get(key)
    if value is None or value == "":
        return default
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise SourceError("malformed", f"`{key}` is no number") from error


def text(row: Record, key: str, default: str = "unknown") -> str:
    """Read a text; what is empty is unknown."""
    value = row.get(key)
    return str(value) if value not in (None, "") else default

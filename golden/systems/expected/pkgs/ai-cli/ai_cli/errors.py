"""What can go wrong, as exit codes that scripts can tell apart."""

from __future__ import annotations

from enum import IntEnum
from typing import Self


class Exit(IntEnum):
    """Exit codes; the text is what `--help` says."""

    def __new__(cls, value: int, text: str) -> Self:
        """Keep the text with the number."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.text = text
        return member

    text: str

    OK = 0, "answered"
    UNEXPECTED = 1, "a mistake of this program"
    USAGE = 2, "wrong arguments, or no question"
    CONFIGURATION = 3, "the configuration is missing or wrong"
    KEY = 4, "a key is missing, cannot be read or was refused"
    RATE = 5, "the provider asks to slow down, or a quota is used up"
    PROVIDER = 6, "the provider failed or refused the question"
    UNREACHABLE = 7, "the provider cannot be reached"
    TIMEOUT = 8, "the provider took too long"
    BROKEN = 9, "the answer broke off after a part was shown"
    INTERRUPTED = 130, "interrupted"


class AiError(Exception):
    """A failure that the user is told of in one line.

    `retry` says whether the same question may succeed later; `after` is how long the provider asked to
    wait, in seconds.
    """

    def __init__(self, code: Exit, message: str, *, retry: bool = False, after: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.retry = retry
        self.after = after

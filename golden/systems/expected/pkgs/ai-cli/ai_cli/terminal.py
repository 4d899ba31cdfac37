"""What is shown: answers on standard output, everything else on standard error."""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING

from ai_cli.providers import CUT_ENDS, ORDINARY_ENDS

if TYPE_CHECKING:
    from ai_cli.engine import Result

LONGEST_INPUT = 4 * 1024 * 1024


def printable(text: str) -> str:
    """Take out control characters: an answer must not move the cursor or rename the window."""
    return "".join(c for c in text if c in "\n\t" or not (ord(c) < 32 or 127 <= ord(c) < 160))


def say(text: str) -> None:
    """Write a line that is no part of an answer."""
    sys.stderr.write(printable(text) + "\n")
    sys.stderr.flush()


class Screen:
    """Standard output. At a terminal pieces are shown as they come, without control characters.

    Into a pipe an answer goes whole or not at all, so that a retry leaves no trace.
    """

    def __init__(self, *, stream: bool | None = None) -> None:
        self.terminal = sys.stdout.isatty()
        self.streams = self.terminal if stream is None else stream
        self._last = "\n"

    def show(self, text: str) -> None:
        """Write a piece of an answer."""
        text = printable(text) if self.terminal else text
        if text:
            sys.stdout.write(text)
            sys.stdout.flush()
            self._last = text[-1]

    def end(self) -> None:
        """End the line that an answer left open."""
        if self._last != "\n":
            sys.stdout.write("\n")
            sys.stdout.flush()
            self._last = "\n"


def afterword(result: Result, *, verbose: bool) -> None:
    """Tell what the answer itself does not."""
    if result.reason in CUT_ENDS:
        say(f"{result.candidate.provider.name}: the answer was cut; raise `maxTokens`")
    elif result.reason is not None and result.reason not in ORDINARY_ENDS:
        say(f"{result.candidate.provider.name}: the answer ended by `{result.reason}`")
    if verbose:
        known = (result.tokens_in, result.tokens_out)
        counts = " in, ".join("?" if count is None else str(count) for count in known) + " out"
        price = None
        if result.tokens_in is not None and result.tokens_out is not None:
            price = result.candidate.model.price(result.tokens_in, result.tokens_out)
        cost = "" if price is None else f", about {price:.6f}"
        say(f"{result.candidate}: tokens {counts}{cost}")


def piped_input() -> str:
    """Read standard input if it is a pipe or a file; a terminal and /dev/null hold no question."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (AttributeError, OSError, ValueError):
        return ""
    if not (stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)):
        return ""
    return sys.stdin.buffer.read(LONGEST_INPUT).decode(errors="replace")

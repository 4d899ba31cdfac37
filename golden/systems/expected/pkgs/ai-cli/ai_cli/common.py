"""What the commands have in common."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from typing import TYPE_CHECKING

from ai_cli.engine import Choice
from ai_cli.errors import AiError, Exit
from ai_cli.terminal import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from ai_cli.config import Config


def seconds(text: str) -> float:
    """Parse a number of seconds."""
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < 86400:
        raise argparse.ArgumentTypeError(f"`{text}` is no number of seconds above 0")
    return value


def parser(prog: str, description: str) -> argparse.ArgumentParser:
    """Make a parser with the options of asking."""
    codes = "\n".join(f"  {code.value:>3}  {code.text}" for code in Exit)
    made = argparse.ArgumentParser(
        prog=prog,
        description=description,
        epilog=f"exit codes:\n{codes}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument("-p", "--provider", metavar="PROVIDER", help="ask this provider")
    made.add_argument("-m", "--model", metavar="MODEL", help="ask this model")
    made.add_argument(
        "-f",
        "--fallback",
        action=argparse.BooleanOptionalAction,
        help="ask the next provider, by priority, when one fails",
    )
    made.add_argument(
        "-c",
        "--cost",
        action=argparse.BooleanOptionalAction,
        help="ask the cheapest model first, rather than by priority",
    )
    made.add_argument(
        "-t",
        "--timeout",
        type=seconds,
        metavar="SECONDS",
        help="longest silence of a provider, not the length of an answer",
    )
    made.add_argument("-s", "--system", metavar="TEXT", help="instructions that stand before the question")
    made.add_argument(
        "--stream",
        action=argparse.BooleanOptionalAction,
        help="show the answer while it comes; the default at a terminal",
    )
    made.add_argument("-v", "--verbose", action="store_true", help="tell what is done")
    return made


def choice(options: argparse.Namespace, config: Config) -> Choice:
    """Join what the command line, the user and the machine say."""
    return Choice(
        provider=options.provider,
        model=options.model,
        fallback=config.fallback if options.fallback is None else options.fallback,
        prefer_cost=config.prefer_cost if options.cost is None else options.cost,
        timeout=options.timeout,
    )


def run(command: Callable[[], int]) -> int:
    """Run a command and turn what goes wrong into a line and an exit code."""
    try:
        code = command()
        sys.stdout.flush()
    except AiError as error:
        say(f"error: {error}")
        return error.code
    except KeyboardInterrupt:
        say("interrupted")
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # Whoever read the answer has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    except Exception as error:  # noqa: BLE001
        # The text of an unknown error could hold anything; the places cannot.
        say(f"error: a mistake of this program ({type(error).__name__})")
        for frame in traceback.extract_tb(error.__traceback__)[-3:]:
            say(f"  {frame.filename}:{frame.lineno} in {frame.name}")
        return Exit.UNEXPECTED
    return code

"""`ai-cli`: ask one question."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ai_cli import common, config, status, terminal
from ai_cli.engine import Engine
from ai_cli.errors import AiError, Exit
from ai_cli.providers import Message

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = common.parser("ai-cli", "Ask a language model.")
    parser.add_argument(
        "question",
        nargs="*",
        help="the question; piped input is added to it, or is it if there is none",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--status", action="store_true", help="say what is ready and what is missing")
    what.add_argument("--list-providers", action="store_true", help="list the providers")
    what.add_argument(
        "--list-models", action="store_true", help="list models with the price of a million tokens"
    )
    return parser.parse_args(argv)


def question(words: Sequence[str]) -> str:
    """Join the words and what was piped in."""
    asked = " ".join(words).strip()
    piped = terminal.piped_input().strip()
    text = "\n\n".join(part for part in (asked, piped) if part)
    if not text:
        raise AiError(Exit.USAGE, "there is no question; `ai-cli --help` tells how to ask one")
    return text


def _run(options: argparse.Namespace) -> int:
    settings = config.load()
    if options.status:
        return status.status(settings, options.timeout)
    if options.list_providers:
        status.list_providers(settings)
        return Exit.OK
    if options.list_models:
        status.list_models(settings, options.provider)
        return Exit.OK
    asked = [Message("user", question(options.question))]
    screen = terminal.Screen(stream=options.stream)
    engine = Engine(
        settings,
        note=terminal.say if options.verbose else lambda _text: None,
        stream=options.stream is not False,
    )
    system = options.system or settings.system_prompt
    try:
        result = engine.ask(
            asked,
            common.choice(options, settings),
            system,
            screen.show if screen.streams else None,
        )
    finally:
        screen.end()
    if not screen.streams:
        screen.show(result.text)
        screen.end()
    terminal.afterword(result, verbose=options.verbose)
    return Exit.OK


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = _arguments(argv)
    return common.run(lambda: _run(options))


if __name__ == "__main__":
    sys.exit(main())

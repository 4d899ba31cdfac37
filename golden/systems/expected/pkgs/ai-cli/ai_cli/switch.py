"""`ai-switch`: choose whom `ai-cli` and `ai-chat` ask."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from ai_cli import common, config, status
from ai_cli.config import UserChoice
from ai_cli.errors import Exit
from ai_cli.terminal import say

if TYPE_CHECKING:
    from collections.abc import Sequence


def _run(options: argparse.Namespace) -> int:
    if options.reset:
        config.reset_choice()
        settings = config.load()
        say(f"asking {settings.default}, as the machine is set up")
        return Exit.OK
    settings = config.load()
    if options.provider is None:
        status.list_providers(settings)
        return Exit.OK
    provider = settings.provider(options.provider)
    names = [model.name for model in provider.models]
    if options.model is not None and options.model not in names:
        say(f"warning: {provider.name} does not list `{options.model}`; it lists: {', '.join(names)}")
    path = config.save_choice(UserChoice(provider.name, options.model))
    say(f"asking {provider.name}/{options.model or names[0]} from now on (`{path}`)")
    return Exit.OK


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="ai-switch",
        description="Choose whom to ask from now on; without arguments, list the providers.",
        allow_abbrev=False,
    )
    parser.add_argument("provider", nargs="?")
    parser.add_argument("model", nargs="?", help="otherwise the first of the provider")
    parser.add_argument("--reset", action="store_true", help="go back to what the machine says")
    options = parser.parse_args(argv)
    if options.reset and options.provider is not None:
        parser.error("--reset takes no provider")
    return common.run(lambda: _run(options))


if __name__ == "__main__":
    sys.exit(main())

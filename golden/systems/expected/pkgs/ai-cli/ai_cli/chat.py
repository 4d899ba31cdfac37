"""`ai-chat`: a conversation, kept in memory until it ends."""

from __future__ import annotations

import dataclasses
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from ai_cli import common, config, status, terminal
from ai_cli.engine import Choice, Engine, candidates
from ai_cli.errors import AiError, Exit
from ai_cli.providers import Message

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

HELP = """\
/help             this list
/clear            forget the conversation
/history          show the conversation
/provider [NAME]  show or change whom to ask
/model [NAME]     show or change the model
/models           list models
/system [TEXT]    show or change the instructions
/retry            ask the last question again
/quit             leave; so does Ctrl-D
A line that ends in \\ goes on in the next one. Ctrl-C stops an answer."""


class Chat:
    """A conversation and whom it is held with."""

    def __init__(self, settings: config.Config, options: argparse.Namespace) -> None:
        self.settings = settings
        self.choice: Choice = common.choice(options, settings)
        self.system: str | None = options.system or settings.system_prompt
        self.messages: list[Message] = []
        self.screen = terminal.Screen(stream=options.stream)
        self.verbose: bool = options.verbose
        self.engine = Engine(
            settings,
            note=terminal.say if options.verbose else lambda _text: None,
            stream=options.stream is not False,
        )
        self.commands: dict[str, Callable[[str], None]] = {
            "clear": self._clear,
            "help": lambda _rest: terminal.say(HELP),
            "history": self._history,
            "model": self._model,
            "models": lambda _rest: status.list_models(self.settings, None),
            "provider": self._provider,
            "retry": self._retry,
            "system": self._system,
        }

    def ask(self, text: str) -> Exit:
        """Ask, and remember question and answer if there was one."""
        messages = [*self.messages, Message("user", text)]
        try:
            result = self.engine.ask(
                messages,
                self.choice,
                self.system,
                self.screen.show if self.screen.streams else None,
            )
        except AiError as error:
            self.screen.end()
            terminal.say(f"error: {error}")
            return error.code
        except KeyboardInterrupt:
            self.screen.end()
            terminal.say("stopped")
            return Exit.INTERRUPTED
        if not self.screen.streams:
            self.screen.show(result.text)
        self.screen.end()
        terminal.afterword(result, verbose=self.verbose)
        self.messages = [*messages, Message("assistant", result.text)]
        return Exit.OK

    def command(self, line: str) -> bool:
        """Run a command; false ends the conversation."""
        name, _, rest = line[1:].partition(" ")
        if name in ("quit", "exit", "q"):
            return False
        command = self.commands.get(name)
        if command is None:
            terminal.say(f"there is no command `/{name}`; /help lists them")
            return True
        try:
            command(rest.strip())
        except AiError as error:
            terminal.say(f"error: {error}")
        return True

    def _clear(self, _rest: str) -> None:
        self.messages = []
        terminal.say("forgotten")

    def _history(self, _rest: str) -> None:
        for message in self.messages:
            terminal.say(f"{message.role}: {message.text}")

    def _retry(self, _rest: str) -> None:
        if not self.messages:
            terminal.say("there is no question yet")
            return
        text = self.messages[-2].text
        self.messages = self.messages[:-2]
        self.ask(text)

    def _provider(self, name: str) -> None:
        if name:
            self.settings.provider(name)
            self.choice = dataclasses.replace(self.choice, provider=name, model=None)
        terminal.say(f"asking {self._asked()}")

    def _model(self, name: str) -> None:
        if name:
            self.choice = dataclasses.replace(self.choice, model=name)
        terminal.say(f"asking {self._asked()}")

    def _asked(self) -> str:
        return str(candidates(self.settings, self.choice, 0)[0])

    def _system(self, text: str) -> None:
        if text:
            self.system = text
        terminal.say(self.system or "there are no instructions")


def _read(*, prompts: bool) -> str | None:
    """Read a line and those that go on with it; none at the end of input."""
    lines: list[str] = []
    while True:
        try:
            line = input(("… " if lines else "> ") if prompts else "")
        except EOFError:
            return "\n".join(lines) if lines else None
        if not line.endswith("\\"):
            return "\n".join([*lines, line])
        lines.append(line[:-1])


def _run(options: argparse.Namespace) -> int:
    settings = config.load()
    chat = Chat(settings, options)
    # Whom it would be asked is checked before anything is typed.
    asked = candidates(settings, chat.choice, 0)[0]
    interactive = sys.stdin.isatty()
    if interactive:
        # Editing of lines, where Python has it. The history stays in memory.
        with suppress(ImportError):
            import readline  # noqa: F401, PLC0415
        terminal.say(f"asking {asked}; /help lists commands")
    code = Exit.OK
    if options.question:
        code = chat.ask(" ".join(options.question))
    while True:
        try:
            line = _read(prompts=interactive)
        except KeyboardInterrupt:
            terminal.say("")
            continue
        if line is None:
            break
        line = line.strip()
        if line.startswith("/"):
            if not chat.command(line):
                break
        elif line:
            code = chat.ask(line)
    # At a terminal the failures were seen; a script learns of the last one.
    return Exit.OK if interactive else code


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = common.parser("ai-chat", "Talk with a language model; /help lists commands.")
    parser.add_argument("question", nargs="*", help="a question to begin with")
    options = parser.parse_args(argv)
    return common.run(lambda: _run(options))


if __name__ == "__main__":
    sys.exit(main())

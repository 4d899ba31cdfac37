"""Whom to ask, in which order, and how often."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ai_cli import keys, providers
from ai_cli.errors import AiError, Exit
from ai_cli.transport import send

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ai_cli.config import Config, Model, Provider
    from ai_cli.keys import Key
    from ai_cli.providers import Message

# What an answer is taken to be when prices are compared.
EXPECTED_TOKENS = 1000
LONGEST_BACK_OFF = 30.0


@dataclass(frozen=True)
class Candidate:
    """A model that may be asked."""

    provider: Provider
    model: Model

    def __str__(self) -> str:
        return f"{self.provider.name}/{self.model.name}"


@dataclass(frozen=True)
class Choice:
    """What the user said about whom to ask."""

    provider: str | None = None
    model: str | None = None
    fallback: bool = False
    prefer_cost: bool = False
    timeout: float | None = None


@dataclass(frozen=True)
class Result:
    """An answer and where it came from."""

    text: str
    candidate: Candidate
    tokens_in: int | None
    tokens_out: int | None
    reason: str | None


def candidates(config: Config, choice: Choice, length: int) -> list[Candidate]:
    """List whom to ask, best first. `length` is that of the question, in characters.

    The first is the provider of `-p`, of the user, or of the machine; the others follow by priority.
    A model that was named belongs to the provider that was named; with none named, to the first that
    lists it. By cost, every model counts whose price is known, then those whose is not.
    """
    if choice.prefer_cost:
        return _by_cost(config, choice, length)
    if choice.provider is not None:
        first = config.provider(choice.provider)
    elif choice.model is not None:
        first = _with_model(config, choice.model) or config.provider(_default(config))
    else:
        first = config.provider(_default(config))
    ordered = [first, *(it for it in config.providers if it.name != first.name)]
    found = []
    for provider in ordered:
        model = provider.models[0]
        if provider is first:
            if choice.model is not None:
                model = provider.model(choice.model)
            elif provider.name == config.user.provider and config.user.model is not None:
                model = provider.model(config.user.model)
        found.append(Candidate(provider, model))
    return found


def _default(config: Config) -> str:
    return config.user.provider or config.default


def _with_model(config: Config, name: str) -> Provider | None:
    preferred = sorted(config.providers, key=lambda it: it.name != _default(config))
    for provider in preferred:
        if any(model.name == name for model in provider.models):
            return provider
    return None


def _by_cost(config: Config, choice: Choice, length: int) -> list[Candidate]:
    among = config.providers
    if choice.provider is not None and not choice.fallback:
        among = (config.provider(choice.provider),)
    found = [
        Candidate(provider, model)
        for provider in among
        for model in provider.models
        if choice.model in (None, model.name)
    ]
    if not found:
        raise AiError(Exit.USAGE, f"no provider lists the model `{choice.model}`")
    # A token is about four characters of English.
    tokens = length // 4 + 1

    def rank(candidate: Candidate) -> tuple[bool, bool, float, int, str]:
        price = candidate.model.price(tokens, EXPECTED_TOKENS)
        named = candidate.provider.name == choice.provider
        provider = candidate.provider
        return (not named, price is None, price or 0.0, provider.priority, provider.name)

    # Nothing is cheap that cannot be used.
    usable = [candidate for candidate in sorted(found, key=rank) if _has_key(candidate)]
    return usable or sorted(found, key=rank)


def _has_key(candidate: Candidate) -> bool:
    try:
        keys.read(candidate.provider)
    except AiError:
        return False
    return True


@dataclass
class Engine:
    """Asks, again and elsewhere if need be. `show` gets each piece of text, `note` what happens."""

    config: Config
    note: Callable[[str], None]
    sleep: Callable[[float], None] = time.sleep
    stream: bool = True

    def ask(
        self,
        messages: Sequence[Message],
        choice: Choice,
        system: str | None,
        show: Callable[[str], None] | None,
    ) -> Result:
        """Ask the candidates until one answers.

        Once something was shown it stays on the screen, so nobody else is asked after that.
        """
        length = sum(len(message.text) for message in messages)
        ordered = candidates(self.config, choice, length)
        if not choice.fallback:
            ordered = ordered[:1]
        failures: list[AiError] = []
        for candidate in ordered:
            try:
                return self._ask_one(candidate, messages, choice, system, show)
            except AiError as error:
                failures.append(error)
                if error.code in (Exit.BROKEN, Exit.USAGE):
                    raise
                if candidate is not ordered[-1]:
                    self.note(f"{error}; asking the next")
        if len(failures) == 1:
            raise failures[0]
        told = "; ".join(str(failure) for failure in failures)
        raise AiError(failures[-1].code, f"nobody answered: {told}")

    def _ask_one(
        self,
        candidate: Candidate,
        messages: Sequence[Message],
        choice: Choice,
        system: str | None,
        show: Callable[[str], None] | None,
    ) -> Result:
        provider = candidate.provider
        key = keys.read(provider)
        timeout = choice.timeout or provider.timeout
        question = providers.Question(messages, candidate.model.name, system, self.stream)
        self.note(f"asking {candidate}, at most {timeout:g} s of silence")
        for attempt in range(provider.retries + 1):
            shown: list[str] = []
            try:
                return self._attempt(candidate, question, key, timeout, show, shown)
            except AiError as error:
                message = key.hide(str(error))
                if show is not None and any(shown):
                    raise AiError(Exit.BROKEN, f"{message} (a part was shown)") from error
                wait = self._wait(error, attempt)
                if not error.retry or attempt == provider.retries:
                    raise AiError(error.code, message) from error
                if error.after is not None and wait > self.config.max_wait:
                    too_long = f"{message}; that is longer than {self.config.max_wait:g} s"
                    raise AiError(error.code, too_long) from error
                self.note(f"{message}; once more in {wait:.1f} s")
                self.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    def _wait(self, error: AiError, attempt: int) -> float:
        """Wait as long as the provider asked, otherwise twice as long each time."""
        if error.after is not None:
            return error.after
        # Not all who were turned away should come back at once.
        jitter = random.uniform(0.75, 1.25)  # noqa: S311
        return min(self.config.retry_delay * (1 << attempt) * jitter, LONGEST_BACK_OFF)

    def _attempt(  # noqa: PLR0913, PLR0917
        self,
        candidate: Candidate,
        question: providers.Question,
        key: Key,
        timeout: float,
        show: Callable[[str], None] | None,
        shown: list[str],
    ) -> Result:
        provider = candidate.provider
        request = providers.APIS[provider.api].request(provider, question, key)
        tokens_in: int | None = None
        tokens_out: int | None = None
        reason: str | None = None
        with send(request, provider.name, key, timeout) as answer:
            for piece in providers.read(answer, provider, stream=question.stream):
                if piece.text:
                    shown.append(piece.text)
                    if show is not None:
                        show(piece.text)
                reason = piece.reason or reason
                tokens_in = tokens_in if piece.tokens_in is None else piece.tokens_in
                tokens_out = tokens_out if piece.tokens_out is None else piece.tokens_out
        if not any(shown):
            said = "" if reason is None else f": {reason}"
            raise AiError(Exit.PROVIDER, f"{provider.name}: an empty answer{said}")
        return Result("".join(shown), candidate, tokens_in, tokens_out, reason)

"""The configuration of the machine, and what a user chose over it."""

from __future__ import annotations

import ipaddress
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ai_cli.errors import AiError, Exit

SYSTEM_FILE = Path("/etc/ai-providers.json")
APIS = ("anthropic", "gemini", "ollama", "openai")


@dataclass(frozen=True)
class Model:
    """A model, with its price for a million tokens in and out where it is known."""

    name: str
    input_cost: float | None = None
    output_cost: float | None = None

    def price(self, tokens_in: int, tokens_out: int) -> float | None:
        """Estimate what a question costs."""
        if self.input_cost is None or self.output_cost is None:
            return None
        return (self.input_cost * tokens_in + self.output_cost * tokens_out) / 1_000_000


@dataclass(frozen=True)
class Provider:
    """A server and what it offers; the first model is its default."""

    name: str
    api: str
    url: str
    priority: int
    models: tuple[Model, ...]
    key_file: Path | None
    timeout: float
    retries: int
    max_tokens: int | None

    def model(self, name: str) -> Model:
        """Return a model by name; one that is not configured has no known price."""
        return next((model for model in self.models if model.name == name), Model(name))

    @property
    def key_is_safe(self) -> bool:
        """Whether a key may be sent to the address: by TLS, or without leaving the house."""
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        if parts.scheme == "https":
            return True
        try:
            return ipaddress.ip_address(host).is_private
        except ValueError:
            return "." not in host


@dataclass(frozen=True)
class UserChoice:
    """What `ai-switch` wrote."""

    provider: str | None = None
    model: str | None = None


@dataclass(frozen=True)
class Config:
    """All providers, by priority."""

    providers: tuple[Provider, ...]
    default: str
    fallback: bool
    prefer_cost: bool
    retry_delay: float
    max_wait: float
    system_prompt: str | None
    user: UserChoice = UserChoice()

    def provider(self, name: str) -> Provider:
        """Return a provider by name."""
        for provider in self.providers:
            if provider.name == name:
                return provider
        known = ", ".join(provider.name for provider in self.providers)
        raise AiError(Exit.USAGE, f"there is no provider `{name}`; there are: {known}")


class _Reader:
    """Reads typed values of an object and says where one is wrong."""

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise wrong(where, "is no object")
        self.values: dict[str, Any] = value
        self.where = where

    def text(self, key: str) -> str:
        value = self.values.get(key)
        if not isinstance(value, str) or not value:
            raise wrong(f"{self.where}.{key}", "is no text")
        return value

    def optional_text(self, key: str) -> str | None:
        return None if self.values.get(key) is None else self.text(key)

    def flag(self, key: str) -> bool:
        value = self.values.get(key, False)
        if not isinstance(value, bool):
            raise wrong(f"{self.where}.{key}", "is neither true nor false")
        return value

    def number(self, key: str, default: float) -> float:
        value = self.optional_number(key)
        return default if value is None else value

    def optional_number(self, key: str) -> float | None:
        value = self.values.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise wrong(f"{self.where}.{key}", "is no number of at least 0")
        return value


def wrong(where: str, what: str) -> AiError:
    """Say which value of a configuration is wrong."""
    return AiError(Exit.CONFIGURATION, f"`{where}` {what}")


def _provider(name: str, value: object, timeout: float, retries: int) -> Provider:
    reader = _Reader(value, f"providers.{name}")
    api = reader.text("api")
    if api not in APIS:
        raise wrong(f"{reader.where}.api", f"is `{api}`, which is none of: {', '.join(APIS)}")
    url = reader.text("url").rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise wrong(f"{reader.where}.url", "is no http address")
    listed = reader.values.get("models")
    if not isinstance(listed, list) or not listed:
        raise wrong(f"{reader.where}.models", "lists no model")
    models = []
    for position, item in enumerate(listed):
        model = _Reader(item, f"{reader.where}.models[{position}]")
        models.append(
            Model(
                model.text("name"),
                model.optional_number("inputCost"),
                model.optional_number("outputCost"),
            )
        )
    key_file = reader.optional_text("keyFile")
    max_tokens = reader.optional_number("maxTokens")
    return Provider(
        name=name,
        api=api,
        url=url,
        priority=int(reader.number("priority", 100)),
        models=tuple(models),
        key_file=None if key_file is None else Path(key_file),
        timeout=reader.number("timeout", timeout),
        retries=int(reader.number("retries", retries)),
        max_tokens=None if max_tokens is None else int(max_tokens),
    )


def parse(value: object) -> Config:
    """Check a configuration and take it over."""
    reader = _Reader(value, "configuration")
    listed = reader.values.get("providers")
    if not isinstance(listed, dict) or not listed:
        raise wrong("providers", "names no provider; enable one in `ai.providers`")
    timeout = reader.number("timeout", 60)
    retries = int(reader.number("retries", 2))
    providers = [_provider(name, item, timeout, retries) for name, item in listed.items()]
    config = Config(
        providers=tuple(sorted(providers, key=lambda it: (it.priority, it.name))),
        default=reader.text("default"),
        fallback=reader.flag("fallback"),
        prefer_cost=reader.flag("preferCost"),
        retry_delay=reader.number("retryDelay", 1),
        max_wait=reader.number("maxWait", 60),
        system_prompt=reader.optional_text("systemPrompt"),
    )
    if config.default not in listed:
        raise wrong("default", f"is `{config.default}`, which is no provider that is enabled")
    return config


def _load_json(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise
    except (OSError, UnicodeDecodeError) as error:
        raise AiError(Exit.CONFIGURATION, f"`{path}` cannot be read: {error}") from error
    except ValueError as error:
        raise AiError(Exit.CONFIGURATION, f"`{path}` is not JSON: {error}") from error


def system_file() -> Path:
    """Return the path of the configuration; `AI_PROVIDERS_FILE` names another one."""
    return Path(os.environ.get("AI_PROVIDERS_FILE") or SYSTEM_FILE)


def user_file() -> Path:
    """Return the path of the user's choice."""
    home = os.environ.get("XDG_CONFIG_HOME") or Path("~/.config").expanduser()
    return Path(home) / "ai-cli" / "config.json"


def load() -> Config:
    """Read the configuration of the machine and what the user chose."""
    path = system_file()
    try:
        config = parse(_load_json(path))
    except FileNotFoundError as error:
        raise AiError(
            Exit.CONFIGURATION, f"`{path}` is missing; turn on `ai.providers` for this host"
        ) from error
    choice = load_choice()
    # A provider that was taken away since must not make every question fail.
    names = {provider.name for provider in config.providers}
    if choice.provider not in names:
        choice = UserChoice()
    return Config(**{**vars(config), "user": choice})


def load_choice() -> UserChoice:
    """Read what `ai-switch` wrote, if anything."""
    path = user_file()
    try:
        value = _load_json(path)
    except FileNotFoundError:
        return UserChoice()
    reader = _Reader(value, str(path))
    return UserChoice(reader.optional_text("provider"), reader.optional_text("model"))


def save_choice(choice: UserChoice) -> Path:
    """Write the user's choice, whole or not at all."""
    path = user_file()
    text = json.dumps({"provider": choice.provider, "model": choice.model}, indent=2) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, prefix=".config-", delete=False
        ) as file:
            file.write(text)
        Path(file.name).replace(path)
    except OSError as error:
        raise AiError(Exit.CONFIGURATION, f"`{path}` cannot be written: {error}") from error
    return path


def reset_choice() -> None:
    """Remove the user's choice."""
    try:
        user_file().unlink(missing_ok=True)
    except OSError as error:
        raise AiError(Exit.CONFIGURATION, f"`{user_file()}` cannot be removed: {error}") from error

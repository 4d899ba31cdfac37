"""`--status`, `--list-providers`, `--list-models`: what is there, and what is missing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ai_cli import keys, providers
from ai_cli.config import system_file
from ai_cli.errors import AiError, Exit
from ai_cli.terminal import printable
from ai_cli.transport import excerpt, send

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ai_cli.config import Config, Provider

CHECK_TIMEOUT = 5.0


def table(rows: Sequence[Sequence[str]]) -> None:
    """Write rows in columns."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        sys.stdout.write(printable(line.rstrip()) + "\n")


def list_providers(config: Config) -> None:
    """Write the providers, by priority."""
    rows = [("PROVIDER", "API", "PRIORITY", "MODEL", "ADDRESS", "")]
    for provider in config.providers:
        marks = []
        if provider.name == (config.user.provider or config.default):
            marks.append("default")
        chosen = provider.name == config.user.provider and config.user.model
        rows.append(
            (
                provider.name,
                provider.api,
                str(provider.priority),
                chosen or provider.models[0].name,
                provider.url,
                ", ".join(marks),
            )
        )
    table(rows)


def list_models(config: Config, only: str | None) -> None:
    """Write the models that are configured, with their prices."""

    def price(value: float | None) -> str:
        return "?" if value is None else f"{value:g}"

    shown = config.providers if only is None else (config.provider(only),)
    rows = [("PROVIDER", "MODEL", "IN", "OUT")]
    rows += [
        (provider.name, model.name, price(model.input_cost), price(model.output_cost))
        for provider in shown
        for model in provider.models
    ]
    table(rows)


def check(provider: Provider, timeout: float) -> list[str]:
    """Ask a provider for its models; return what is missing."""
    try:
        key = keys.read(provider)
    except AiError as error:
        return [str(error)]
    api = providers.APIS[provider.api]
    try:
        request = api.models_request(provider, key)
        with send(request, provider.name, key, timeout) as answer:
            document = answer.document()
        names = set(api.model_names(document))
    except AiError as error:
        return [key.hide(str(error))]
    except (KeyError, TypeError, AttributeError):
        return [f"{provider.name}: a list of models of an unknown shape: {excerpt(str(document))}"]
    missing = [model.name for model in provider.models if model.name not in names]
    hint = "; list it in `ai.ollama.models`" if provider.api == "ollama" else ""
    return [f"{provider.name}: the server has no model `{name}`{hint}" for name in missing]


def status(config: Config, timeout: float | None) -> Exit:
    """Write how each provider fares. The code is that of the default one."""
    sys.stdout.write(f"configuration  {system_file()}\n")
    default = config.user.provider or config.default
    by = "your choice" if config.user.provider else "of this machine"
    sys.stdout.write(f"default        {default} ({by})\n\n")
    rows = []
    problems: list[str] = []
    code = Exit.OK
    for provider in config.providers:
        missing = check(provider, timeout or min(CHECK_TIMEOUT, provider.timeout))
        needs = "no key" if provider.key_file is None else "key"
        rows.append((provider.name, needs, "ready" if not missing else "not ready"))
        problems += missing
        if missing and provider.name == default:
            code = Exit.CONFIGURATION
    table(rows)
    if problems:
        sys.stdout.write("\nmissing:\n")
        for problem in problems:
            sys.stdout.write(f"  {printable(problem)}\n")
    return code

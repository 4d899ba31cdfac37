"""Keys of providers: read from files when they are sent, and kept out of everything that is shown."""

from __future__ import annotations

import grp
import os
import pwd
import re
import stat
from typing import TYPE_CHECKING

from ai_cli.errors import AiError, Exit

if TYPE_CHECKING:
    from pathlib import Path

    from ai_cli.config import Provider


class Key:
    """A key that shows itself to nobody by accident."""

    def __init__(self, value: str = "") -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the key, for a header."""
        return self._value

    def __repr__(self) -> str:
        return "Key(…)"

    def __bool__(self) -> bool:
        return bool(self._value)

    def hide(self, text: str) -> str:
        """Take the key out of a text that comes from elsewhere."""
        return text.replace(self._value, "[key]") if self._value else text


def read(provider: Provider) -> Key:
    """Read the key of a provider; one without a key file needs none."""
    path = provider.key_file
    if path is None:
        return Key()
    try:
        text = path.read_text(encoding="ascii").strip()
    except FileNotFoundError as error:
        raise AiError(Exit.KEY, f"{provider.name}: the key file `{path}` is missing") from error
    except PermissionError as error:
        raise AiError(Exit.KEY, f"{provider.name}: {_denied(path)}") from error
    except UnicodeDecodeError as error:
        raise AiError(Exit.KEY, f"{provider.name}: the key file `{path}` holds no plain text") from error
    except OSError as error:
        raise AiError(
            Exit.KEY, f"{provider.name}: the key file `{path}` cannot be read: {error.strerror}"
        ) from error
    if not text:
        raise AiError(Exit.KEY, f"{provider.name}: the key file `{path}` is empty")
    # What is no single word would be cut, or end up in an error of the HTTP library.
    if not re.fullmatch(r"[!-~]+", text):
        raise AiError(Exit.KEY, f"{provider.name}: the key file `{path}` holds more than one word")
    if not provider.key_is_safe:
        raise AiError(
            Exit.CONFIGURATION,
            f"{provider.name}: the key would leave the local network in the clear; use https",
        )
    return Key(text)


def _denied(path: Path) -> str:
    """Say who may read a file, and what would let this user."""
    try:
        found = path.stat()
    except OSError:
        return f"the folder of the key file `{path}` may not be entered by {_user(os.getuid())}"
    owner, group = _user(found.st_uid), _group(found.st_gid)
    says = (
        f"the key file `{path}` (owner {owner}, group {group}, mode {stat.S_IMODE(found.st_mode):04o})"
        f" may not be read by {_user(os.getuid())}"
    )
    if not found.st_mode & stat.S_IRGRP:
        return f'{says}; give the secret `group: ai` and `mode: "0440"`'
    if found.st_gid in (os.getgid(), *os.getgroups()):
        return says
    try:
        members = grp.getgrgid(found.st_gid).gr_mem
    except KeyError:
        members = []
    if _user(os.getuid()) in members:
        return f"{says}; log in again, you joined the group {group} since"
    return f"{says}; join the group {group}"


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)

"""One JSON document over HTTP, or a word for why there is none."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Ten thousand rows are about 15 MB; what is larger is no answer to our questions.
LARGEST_ANSWER = 128 * 1024 * 1024

REASONS = ("api", "auth", "connection", "http", "malformed", "timeout")


class SourceError(Exception):
    """A source that could not be read; `reason` is one of `REASONS`."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirection would carry the key to where it does not belong."""

    def redirect_request(self, *_args: object, **_kwargs: object) -> None:
        return None


# Neither proxies nor redirections: the servers are on this host or next to it.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())


def fetch_json(url: str, body: bytes, headers: Mapping[str, str], timeout: float) -> Any:  # noqa: ANN401
    """Post `body` and read the answer as JSON. An error status with a JSON body raises as well."""
    request = urllib.request.Request(url, data=body, headers=dict(headers), method="POST")  # noqa: S310
    try:
        with _OPENER.open(request, timeout=timeout) as answer:
            text = answer.read(LARGEST_ANSWER + 1)
    except urllib.error.HTTPError as error:
        _refused(error)
    except TimeoutError as error:
        raise SourceError("timeout", f"no answer within {timeout:g} s") from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError):
            raise SourceError("timeout", f"no answer within {timeout:g} s") from error
        raise SourceError("connection", f"cannot be reached: {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        raise SourceError("connection", f"the connection broke: {error!r}") from error
    if len(text) > LARGEST_ANSWER:
        raise SourceError("malformed", f"the answer is larger than {LARGEST_ANSWER} bytes")
    try:
        return json.loads(text)
    except ValueError as error:
        raise SourceError("malformed", f"the answer is not JSON: {error}") from error


def _refused(error: urllib.error.HTTPError) -> NoReturn:
    """Tautulli says 400 to a wrong key, and why in the body."""
    try:
        said = error.read(65536).decode(errors="replace")
    except (OSError, http.client.HTTPException):
        said = ""
    if error.code in (401, 403) or "apikey" in said.lower():
        raise SourceError("auth", f"the credentials are refused (HTTP {error.code})") from error
    raise SourceError("http", f"HTTP {error.code}") from error


def read_secret(path: Path) -> str:
    """Read a key or password from the first line of a file."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError("auth", f"`{path}` cannot be read: {error}") from error
    secret = lines[0].strip() if lines else ""
    if not secret:
        raise SourceError("auth", f"`{path}` is empty")
    return secret

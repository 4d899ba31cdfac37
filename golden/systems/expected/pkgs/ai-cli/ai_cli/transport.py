"""HTTP: one request, and its answer whole or line by line."""

from __future__ import annotations

import email.utils
import http.client
import json
import socket
import ssl
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ai_cli.errors import AiError, Exit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ai_cli.keys import Key

LARGEST_LINE = 8 * 1024 * 1024
LARGEST_ANSWER = 64 * 1024 * 1024
USER_AGENT = "ai-cli/1.0"

# 529 is Anthropic's word for overloaded.
RETRIED = frozenset({408, 429, 500, 502, 503, 504, 529})


@dataclass(frozen=True)
class Request:
    """A request; without a body it is a GET."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: Mapping[str, Any] | None = None


class Answer:
    """An answer that is being received."""

    def __init__(self, response: http.client.HTTPResponse, timeout: float, name: str) -> None:
        self._response = response
        self._timeout = timeout
        self._name = name

    def document(self) -> Any:  # noqa: ANN401
        """Read all of it as JSON."""
        with _translated(self._name, self._timeout):
            text = self._response.read(LARGEST_ANSWER + 1)
        if len(text) > LARGEST_ANSWER:
            raise AiError(Exit.PROVIDER, f"{self._name}: the answer is too large", retry=False)
        return parse_json(text, self._name)

    def lines(self) -> Iterator[bytes]:
        """Read it line by line, without the ends of lines."""
        while True:
            with _translated(self._name, self._timeout):
                line = self._response.readline(LARGEST_LINE + 1)
            if not line:
                return
            if len(line) > LARGEST_LINE:
                raise AiError(Exit.PROVIDER, f"{self._name}: a line of the answer is too large")
            yield line.rstrip(b"\r\n")


def parse_json(text: bytes, name: str) -> Any:  # noqa: ANN401
    """Parse what a provider sent."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise AiError(Exit.PROVIDER, f"{name}: what came is not JSON: {excerpt(text)}", retry=True) from error


def excerpt(text: bytes | str) -> str:
    """Shorten something for a message, on one line and without control characters."""
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= 200 else text[:200] + "…"


@contextmanager
def _translated(name: str, timeout: float) -> Iterator[None]:
    """Turn what the socket says into what the user is told."""
    try:
        yield
    except TimeoutError as error:
        raise AiError(Exit.TIMEOUT, f"{name}: nothing came for {timeout:g} s", retry=True) from error
    except ssl.SSLCertVerificationError as error:
        raise AiError(
            Exit.UNREACHABLE, f"{name}: the certificate is refused: {error.verify_message}"
        ) from error
    except socket.gaierror as error:
        raise AiError(
            Exit.UNREACHABLE, f"{name}: the name cannot be resolved: {error.strerror}", retry=True
        ) from error
    except (OSError, http.client.HTTPException) as error:
        said = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
        raise AiError(Exit.UNREACHABLE, f"{name}: cannot be reached: {said}", retry=True) from error


@contextmanager
def send(request: Request, name: str, key: Key, timeout: float) -> Iterator[Answer]:
    """Send a request. `timeout` is the longest silence, not the length of the answer.

    Redirections are not followed: they would carry the key elsewhere.
    """
    parts = urlsplit(request.url)
    assert parts.hostname  # noqa: S101 (addresses are checked by the configuration)
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=timeout, context=context)
    else:
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity", **request.headers}
    body = None
    if request.body is not None:
        body = json.dumps(request.body).encode()
        headers["Content-Type"] = "application/json"
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    try:
        with _translated(name, timeout):
            connection.request("GET" if body is None else "POST", target, body, headers)
            response = connection.getresponse()
        if response.status != http.client.OK:
            try:
                said = response.read(65536)
            except (OSError, http.client.HTTPException):
                # The status says enough.
                said = b""
            raise _refused(name, response, said, key)
        yield Answer(response, timeout, name)
    finally:
        connection.close()


def _refused(name: str, response: http.client.HTTPResponse, said: bytes, key: Key) -> AiError:
    """Say what an error status means."""
    status = response.status
    reason = key.hide(error_message(said))
    after = retry_after(response.headers.get("Retry-After"))
    if status in (401, 403):
        return AiError(Exit.KEY, f"{name}: the key is refused (HTTP {status}): {reason}")
    # Gemini says 400 to a key that it does not know.
    if status == 400 and "api key" in reason.lower():
        return AiError(Exit.KEY, f"{name}: the key is refused (HTTP {status}): {reason}")
    if status == 429:
        wait = "" if after is None else f", asks to wait {after:g} s"
        message = f"{name}: too many requests (HTTP 429{wait}): {reason}"
        return AiError(Exit.RATE, message, retry=True, after=after)
    if status == 404:
        return AiError(Exit.PROVIDER, f"{name}: there is no such model or address (HTTP 404): {reason}")
    return AiError(Exit.PROVIDER, f"{name}: HTTP {status}: {reason}", retry=status in RETRIED, after=after)


def error_message(said: bytes) -> str:
    """Find the message in the body of an error; all providers nest it a little differently."""
    try:
        value = json.loads(said)
    except ValueError:
        return excerpt(said) or "no reason given"
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, dict):
        error = value.get("error", value)
        if isinstance(error, dict):
            error = error.get("message", error)
        if isinstance(error, str) and error:
            return excerpt(error)
    return excerpt(said) or "no reason given"


def retry_after(value: str | None) -> float | None:
    """Read `Retry-After`, which is a number of seconds or a date."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return max(0.0, seconds) if seconds < 10**9 else None

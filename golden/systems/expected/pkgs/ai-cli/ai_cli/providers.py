"""The four interfaces: what a question looks like on the wire, and what an answer.

Each is asked for a stream (server-sent events, or JSON by lines from Ollama) or for one document. An
answer that ends without its end mark is broken, however much of it came.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from ai_cli.errors import AiError, Exit
from ai_cli.transport import Answer, Request, excerpt, parse_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ai_cli.config import Provider
    from ai_cli.keys import Key

Document = dict[str, Any]

# Ends that say nothing in particular.
ORDINARY_ENDS = frozenset({"end_turn", "stop", "stop_sequence", "STOP"})
CUT_ENDS = frozenset({"length", "max_tokens", "MAX_TOKENS", "model_context_window_exceeded"})


@dataclass(frozen=True)
class Message:
    """A turn of a conversation; `role` is `user` or `assistant`."""

    role: str
    text: str


@dataclass(frozen=True)
class Question:
    """What is asked of a model."""

    messages: Sequence[Message]
    model: str
    system: str | None
    stream: bool


@dataclass(frozen=True)
class Piece:
    """A part of an answer: text, its end, why it ended, or counts of tokens."""

    text: str = ""
    end: bool = False
    reason: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None


class Api(Protocol):
    """An interface of a provider."""

    def headers(self, key: Key) -> Mapping[str, str]:
        """Return the headers that carry the key."""

    def request(self, provider: Provider, question: Question, key: Key) -> Request:
        """Put a question into words."""

    def pieces(self, document: Document) -> Iterator[Piece]:
        """Read one event of a stream, or a whole answer."""

    def models_request(self, provider: Provider, key: Key) -> Request:
        """Ask which models there are."""

    def model_names(self, document: Document) -> list[str]:
        """Read which models there are."""


def _turns(question: Question) -> list[dict[str, str]]:
    return [{"role": message.role, "content": message.text} for message in question.messages]


def _failed(error: object) -> AiError:
    """Say what an error inside of an answer means."""
    kind = ""
    message = error
    if isinstance(error, dict):
        kind = str(error.get("type") or error.get("status") or error.get("code") or "")
        message = error.get("message") or kind
    busy = any(word in kind.lower() for word in ("overloaded", "rate_limit", "unavailable"))
    internal = any(word in kind.lower() for word in ("api_error", "server_error", "internal"))
    return AiError(Exit.PROVIDER, f"failed: {excerpt(str(message))}", retry=busy or internal or not kind)


class Anthropic:
    """`POST /v1/messages`."""

    # The interface demands a limit.
    MAX_TOKENS = 4096

    def headers(self, key: Key) -> Mapping[str, str]:
        """Return the headers that carry the key."""
        return {"x-api-key": key.reveal(), "anthropic-version": "2023-06-01"}

    def request(self, provider: Provider, question: Question, key: Key) -> Request:
        """Put a question into words."""
        body: Document = {
            "model": question.model,
            "max_tokens": provider.max_tokens or self.MAX_TOKENS,
            "messages": _turns(question),
            "stream": question.stream,
        }
        if question.system:
            body["system"] = question.system
        return Request(f"{provider.url}/v1/messages", self.headers(key), body)

    def pieces(self, document: Document) -> Iterator[Piece]:
        """Read one event of a stream, or a whole answer."""
        kind = document.get("type")
        if kind == "error":
            raise _failed(document.get("error"))
        if kind == "message":
            for block in document["content"]:
                if block["type"] == "text":
                    yield Piece(block["text"])
            usage = document.get("usage", {})
            yield Piece(
                end=True,
                reason=document["stop_reason"],
                tokens_in=usage.get("input_tokens"),
                tokens_out=usage.get("output_tokens"),
            )
        elif kind == "message_start":
            usage = document["message"].get("usage", {})
            yield Piece(tokens_in=usage.get("input_tokens"))
        elif kind == "content_block_delta":
            # Deltas of thinking and of tools are no part of the answer.
            if document["delta"]["type"] == "text_delta":
                yield Piece(document["delta"]["text"])
        elif kind == "message_delta":
            usage = document.get("usage", {})
            reason = document["delta"].get("stop_reason")
            yield Piece(tokens_out=usage.get("output_tokens"))
            # The end mark is still to come.
            if reason not in ORDINARY_ENDS and reason is not None:
                yield Piece(reason=reason)
        elif kind == "message_stop":
            yield Piece(end=True)

    def models_request(self, provider: Provider, key: Key) -> Request:
        """Ask which models there are."""
        return Request(f"{provider.url}/v1/models?limit=1000", self.headers(key))

    def model_names(self, document: Document) -> list[str]:
        """Read which models there are."""
        return [model["id"] for model in document["data"]]


class OpenAi:
    """`POST /chat/completions`, which many other servers speak, too."""

    def headers(self, key: Key) -> Mapping[str, str]:
        """Return the headers that carry the key."""
        return {"Authorization": f"Bearer {key.reveal()}"} if key else {}

    def request(self, provider: Provider, question: Question, key: Key) -> Request:
        """Put a question into words."""
        system = [{"role": "system", "content": question.system}] if question.system else []
        body: Document = {
            "model": question.model,
            "messages": system + _turns(question),
            "stream": question.stream,
        }
        if question.stream:
            body["stream_options"] = {"include_usage": True}
        if provider.max_tokens:
            body["max_completion_tokens"] = provider.max_tokens
        return Request(f"{provider.url}/chat/completions", self.headers(key), body)

    def pieces(self, document: Document) -> Iterator[Piece]:
        """Read one event of a stream, or a whole answer."""
        if document.get("error"):
            raise _failed(document["error"])
        # The last event of a stream has counts and no choice.
        for choice in document["choices"][:1]:
            part = choice.get("delta") or choice.get("message") or {}
            yield Piece(part.get("content") or "")
            if part.get("refusal"):
                yield Piece(part["refusal"])
            if choice.get("finish_reason"):
                yield Piece(end=True, reason=choice["finish_reason"])
        usage = document.get("usage") or {}
        yield Piece(tokens_in=usage.get("prompt_tokens"), tokens_out=usage.get("completion_tokens"))

    def models_request(self, provider: Provider, key: Key) -> Request:
        """Ask which models there are."""
        return Request(f"{provider.url}/models", self.headers(key))

    def model_names(self, document: Document) -> list[str]:
        """Read which models there are."""
        return [model["id"] for model in document["data"]]


class Gemini:
    """`POST /models/MODEL:generateContent`, or `:streamGenerateContent`."""

    def headers(self, key: Key) -> Mapping[str, str]:
        """Return the headers that carry the key."""
        return {"x-goog-api-key": key.reveal()}

    def request(self, provider: Provider, question: Question, key: Key) -> Request:
        """Put a question into words."""
        roles = {"user": "user", "assistant": "model"}
        body: Document = {
            "contents": [
                {"role": roles[message.role], "parts": [{"text": message.text}]}
                for message in question.messages
            ]
        }
        if question.system:
            body["systemInstruction"] = {"parts": [{"text": question.system}]}
        if provider.max_tokens:
            body["generationConfig"] = {"maxOutputTokens": provider.max_tokens}
        method = "streamGenerateContent?alt=sse" if question.stream else "generateContent"
        model = quote(question.model, safe="")
        return Request(f"{provider.url}/models/{model}:{method}", self.headers(key), body)

    def pieces(self, document: Document) -> Iterator[Piece]:
        """Read one event of a stream, or a whole answer."""
        if document.get("error"):
            raise _failed(document["error"])
        blocked = document.get("promptFeedback", {}).get("blockReason")
        if blocked:
            raise AiError(Exit.PROVIDER, f"the question is refused: {blocked}")
        for candidate in document.get("candidates", [])[:1]:
            for part in candidate.get("content", {}).get("parts", []):
                if "text" in part and not part.get("thought"):
                    yield Piece(part["text"])
            if candidate.get("finishReason"):
                yield Piece(end=True, reason=candidate["finishReason"])
        usage = document.get("usageMetadata", {})
        yield Piece(tokens_in=usage.get("promptTokenCount"), tokens_out=usage.get("candidatesTokenCount"))

    def models_request(self, provider: Provider, key: Key) -> Request:
        """Ask which models there are."""
        return Request(f"{provider.url}/models?pageSize=1000", self.headers(key))

    def model_names(self, document: Document) -> list[str]:
        """Read which models there are."""
        return [model["name"].removeprefix("models/") for model in document["models"]]


class Ollama:
    """`POST /api/chat`."""

    def headers(self, key: Key) -> Mapping[str, str]:
        """Return the headers that carry the key, which a proxy may ask for."""
        return {"Authorization": f"Bearer {key.reveal()}"} if key else {}

    def request(self, provider: Provider, question: Question, key: Key) -> Request:
        """Put a question into words."""
        system = [{"role": "system", "content": question.system}] if question.system else []
        body: Document = {
            "model": question.model,
            "messages": system + _turns(question),
            "stream": question.stream,
        }
        if provider.max_tokens:
            body["options"] = {"num_predict": provider.max_tokens}
        return Request(f"{provider.url}/api/chat", self.headers(key), body)

    def pieces(self, document: Document) -> Iterator[Piece]:
        """Read one line of a stream, or a whole answer."""
        if document.get("error"):
            raise _failed(document["error"])
        if "message" in document:
            yield Piece(document["message"].get("content") or "")
        if document["done"]:
            yield Piece(
                end=True,
                reason=document.get("done_reason"),
                tokens_in=document.get("prompt_eval_count"),
                tokens_out=document.get("eval_count"),
            )

    def models_request(self, provider: Provider, key: Key) -> Request:
        """Ask which models there are."""
        return Request(f"{provider.url}/api/tags", self.headers(key))

    def model_names(self, document: Document) -> list[str]:
        """Read which models there are; `latest` is what a name without a tag means."""
        names = [model["name"] for model in document["models"]]
        return names + [name.removesuffix(":latest") for name in names if name.endswith(":latest")]


APIS: dict[str, Api] = {
    "anthropic": Anthropic(),
    "gemini": Gemini(),
    "ollama": Ollama(),
    "openai": OpenAi(),
}


def events(answer: Answer, name: str, *, by_line: bool) -> Iterator[Document]:
    """Read the events of a stream."""
    data: list[bytes] = []
    for line in answer.lines():
        if by_line:
            if line.strip():
                yield _object(line, name)
        elif line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
        elif not line and data:
            text, data = b"\n".join(data), []
            # OpenAI's end mark; what it marks was told by the finish reason before.
            if text != b"[DONE]":
                yield _object(text, name)
        elif line.startswith(b"{"):
            # No event at all: an error as a plain document.
            yield _object(line, name)
    if data and data != [b"[DONE]"]:
        yield _object(b"\n".join(data), name)


def _object(text: bytes, name: str) -> Document:
    value = parse_json(text, name)
    if not isinstance(value, dict):
        raise AiError(Exit.PROVIDER, f"{name}: an event is no object", retry=True)
    return value


def read(answer: Answer, provider: Provider, *, stream: bool) -> Iterator[Piece]:
    """Read an answer up to its end mark."""
    api = APIS[provider.api]
    name = provider.name
    ended = False
    documents = (
        events(answer, name, by_line=provider.api == "ollama") if stream else iter([_whole(answer, name)])
    )
    for document in documents:
        try:
            for piece in api.pieces(document):
                ended |= piece.end
                yield piece
        except AiError as error:
            raise AiError(error.code, f"{name}: {error}", retry=error.retry, after=error.after) from error
        except (KeyError, TypeError, AttributeError, IndexError) as error:
            raise AiError(
                Exit.PROVIDER,
                f"{name}: an answer of an unknown shape: {excerpt(str(document))}",
                retry=True,
            ) from error
    if not ended:
        raise AiError(Exit.PROVIDER, f"{name}: the answer broke off", retry=True)


def _whole(answer: Answer, name: str) -> Document:
    value = answer.document()
    if not isinstance(value, dict):
        raise AiError(Exit.PROVIDER, f"{name}: the answer is no object", retry=True)
    return value

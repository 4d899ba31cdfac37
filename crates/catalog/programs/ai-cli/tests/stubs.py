"""The four interfaces on loopback, strict about what they are asked, and commands run against them."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

HERE = Path(__file__).resolve().parent.parent
KEYS = {name: f"sk-{name}-0123456789-never-shown" for name in ("anthropic", "openai", "gemini")}
ANSWER = ["The sky ", "is blue", " — mostly."]
TEXT = "".join(ANSWER)


# Tests that run in the background ignore it, and so would the commands.
signal.signal(signal.SIGINT, signal.default_int_handler)


def sse(*documents, named=False, done=False):
    """Write server-sent events."""
    events = []
    for document in documents:
        name = f"event: {document['type']}\n" if named else ""
        events.append(f"{name}data: {json.dumps(document)}\n\n")
    if done:
        events.append("data: [DONE]\n\n")
    return [event.encode() for event in events]


def ndjson(*documents):
    return [json.dumps(document).encode() + b"\n" for document in documents]


class Wrong(Exception):
    """A request that a real server would refuse."""


def need(condition, what):
    if not condition:
        raise Wrong(what)


def turns(messages, roles=("user", "assistant")):
    """Check a conversation: turns alternate, begin and end with the user."""
    need(messages and messages[-1]["role"] == "user", "the last turn is the user's")
    for position, message in enumerate(messages):
        need(message["role"] == roles[position % 2], f"turn {position} is {message['role']}")


class Anthropic:
    name, path = "anthropic", "/v1/messages"
    # Events up to the first piece of text.
    shown = 5
    models_path = "/v1/models?limit=1000"
    error_401 = {"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}}
    midstream = [
        b'event: error\ndata: {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}\n\n'
    ]

    def key(self, headers):
        need(headers["anthropic-version"] == "2023-06-01", "anthropic-version")
        return headers["x-api-key"]

    def check(self, target, body):
        need(target == self.path, target)
        need(set(body) <= {"model", "max_tokens", "messages", "stream", "system"}, f"fields {set(body)}")
        need(isinstance(body["max_tokens"], int) and body["max_tokens"] > 0, "max_tokens")
        need("system" not in body or isinstance(body["system"], str), "system")
        turns(body["messages"])
        return body["stream"], body["model"], [m["content"] for m in body["messages"]], body.get("system")

    def stream(self, pieces):
        start = {
            "type": "message_start",
            "message": {
                "id": "msg_1", "type": "message", "role": "assistant", "content": [], "model": "m",
                "stop_reason": None, "usage": {"input_tokens": 25, "output_tokens": 1},
            },
        }  # fmt: skip
        deltas = [
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
            for piece in pieces
        ]
        return sse(
            start,
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "ping"},
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "thinking_delta", "thinking": "unseen"},
            },
            *deltas,
            {"type": "content_block_stop", "index": 0},
            {
                "type": "message_delta",
                "delta": {"stop_reason": "end_turn", "stop_sequence": None},
                "usage": {"output_tokens": 15},
            },
            {"type": "message_stop"},
            named=True,
        )

    def whole(self, text):
        return {
            "id": "msg_1", "type": "message", "role": "assistant", "model": "m",
            "content": [{"type": "text", "text": text}], "stop_reason": "end_turn",
            "stop_sequence": None, "usage": {"input_tokens": 25, "output_tokens": 15},
        }  # fmt: skip

    def models(self, names):
        return {"data": [{"type": "model", "id": name} for name in names], "has_more": False}


class OpenAi:
    name, path = "openai", "/v1/chat/completions"
    # Events up to the first piece of text.
    shown = 2
    models_path = "/v1/models"
    error_401 = {"error": {"message": "Incorrect API key provided: KEY", "type": "invalid_request_error"}}
    midstream = [b'data: {"error": {"message": "The server had an error", "type": "server_error"}}\n\n']

    def key(self, headers):
        kind, _, key = headers["Authorization"].partition(" ")
        need(kind == "Bearer", "Authorization")
        return key

    def check(self, target, body):
        need(target == self.path, target)
        fields = {"model", "messages", "stream", "stream_options", "max_completion_tokens"}
        need(set(body) <= fields, f"fields {set(body)}")
        if body["stream"]:
            need(body["stream_options"] == {"include_usage": True}, "stream_options")
        else:
            need("stream_options" not in body, "stream_options without a stream")
        messages = body["messages"]
        system = messages.pop(0)["content"] if messages[0]["role"] == "system" else None
        turns(messages)
        return body["stream"], body["model"], [m["content"] for m in messages], system

    def stream(self, pieces):
        head = {"id": "c", "object": "chat.completion.chunk", "model": "m"}
        chunks = [
            {**head, "choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]}
            for piece in pieces
        ]
        return sse(
            {**head, "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]},
            *chunks,
            {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
            {**head, "choices": [], "usage": {"prompt_tokens": 25, "completion_tokens": 15}},
            done=True,
        )

    def whole(self, text):
        message = {"role": "assistant", "content": text, "refusal": None}
        return {
            "object": "chat.completion",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 25, "completion_tokens": 15, "total_tokens": 40},
        }

    def models(self, names):
        return {"object": "list", "data": [{"id": name, "object": "model"} for name in names]}


class Gemini:
    name, path = "gemini", "/v1beta/models/"
    # Events up to the first piece of text.
    shown = 1
    models_path = "/v1beta/models?pageSize=1000"
    error_401 = {"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT"}}
    midstream = [b'data: {"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}\n\n']

    def key(self, headers):
        return headers["x-goog-api-key"]

    def check(self, target, body):
        parts = urlsplit(target)
        need(parts.path.startswith(self.path), target)
        model, _, method = parts.path.removeprefix(self.path).partition(":")
        need("key" not in parse_qs(parts.query), "the key is in the address")
        stream = method == "streamGenerateContent"
        need(stream or method == "generateContent", method)
        need(parse_qs(parts.query) == ({"alt": ["sse"]} if stream else {}), parts.query)
        need(set(body) <= {"contents", "systemInstruction", "generationConfig"}, f"fields {set(body)}")
        turns(body["contents"], ("user", "model"))
        system = body.get("systemInstruction", {}).get("parts", [{}])[0].get("text")
        return stream, model, [c["parts"][0]["text"] for c in body["contents"]], system

    def stream(self, pieces):
        documents = [
            {"candidates": [{"content": {"parts": [{"text": piece}], "role": "model"}, "index": 0}]}
            for piece in pieces
        ]
        documents[-1]["candidates"][0]["finishReason"] = "STOP"
        documents[-1]["usageMetadata"] = {"promptTokenCount": 25, "candidatesTokenCount": 15}
        return sse(*documents)

    def whole(self, text):
        content = {"parts": [{"text": "unseen", "thought": True}, {"text": text}], "role": "model"}
        return {
            "candidates": [{"content": content, "finishReason": "STOP", "index": 0}],
            "usageMetadata": {"promptTokenCount": 25, "candidatesTokenCount": 15},
        }

    def models(self, names):
        return {"models": [{"name": f"models/{name}"} for name in names]}


class Ollama:
    name, path = "ollama", "/api/chat"
    # Events up to the first piece of text.
    shown = 1
    models_path = "/api/tags"
    midstream = [b'{"error": "an error was encountered while running the model"}\n']

    def key(self, headers):
        need("Authorization" not in headers, "a key that nobody configured")

    def check(self, target, body):
        need(target == self.path, target)
        need(set(body) <= {"model", "messages", "stream", "options"}, f"fields {set(body)}")
        messages = body["messages"]
        system = messages.pop(0)["content"] if messages[0]["role"] == "system" else None
        turns(messages)
        return body["stream"], body["model"], [m["content"] for m in messages], system

    def stream(self, pieces):
        lines = [
            {"model": "m", "message": {"role": "assistant", "content": piece}, "done": False}
            for piece in pieces
        ]
        end = {
            "model": "m", "message": {"role": "assistant", "content": ""}, "done": True,
            "done_reason": "stop", "prompt_eval_count": 25, "eval_count": 15,
        }  # fmt: skip
        return ndjson(*lines, end)

    def whole(self, text):
        return json.loads(self.stream([text])[-1]) | {"message": {"role": "assistant", "content": text}}

    def models(self, names):
        return {"models": [{"name": name, "model": name} for name in names]}


APIS = {"anthropic": Anthropic(), "gemini": Gemini(), "ollama": Ollama(), "openai": OpenAi()}


class Server:
    """A provider on loopback. `plan` says what to do with each request; the last goes on for ever.

    ok, 401, 404, 429, 429+N (Retry-After N), 500, 529, slow, stall (slow after the first piece), malformed,
    shape, html, midstream (an error event), cut (the connection ends), drop, redirect, or a list of chunks.
    """

    def __init__(self, api, *plan, models=("model-a",)):
        self.api = APIS[api]
        self.plan = list(plan or ["ok"])
        self.models = list(models)
        self.asked = []
        self.wrong = []
        self.headers = []
        self.release = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                server.headers.append((self.path, dict(self.headers)))
                if not server.allowed(self):
                    self.document(401, server.refusal(self))
                elif self.path != server.api.models_path:
                    self.document(404, {"error": {"message": f"no {self.path}"}})
                else:
                    self.document(200, server.api.models(server.models))

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.headers.append((self.path, dict(self.headers)))
                what = server.plan.pop(0) if len(server.plan) > 1 else server.plan[0]
                try:
                    need(self.headers["Content-Type"] == "application/json", "Content-Type")
                    allowed = server.allowed(self)
                    stream, *asked = server.api.check(self.path, body)
                    server.asked.append(tuple(asked))
                except (Wrong, KeyError, TypeError, IndexError) as error:
                    server.wrong.append(repr(error))
                    self.document(400, {"error": {"message": f"wrong request: {error!r}"}})
                    return
                if what == "401" or not allowed:
                    status = 400 if server.api.name == "gemini" else 401
                    self.document(status, server.refusal(self))
                else:
                    self.follow(what, stream)

            def follow(self, what, stream):
                pieces = server.api.stream(ANSWER)
                if isinstance(what, list):
                    self.chunks(what)
                elif what.startswith("429"):
                    after = what[4:]
                    extra = {"Retry-After": after} if after else {}
                    self.document(429, {"error": {"message": "slow down"}}, extra)
                elif what.isdigit():
                    self.document(int(what), {"error": {"message": f"trouble {what}"}})
                elif what == "slow":
                    server.release.wait(30)
                elif what == "drop":
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                elif what == "redirect":
                    self.send_response(307)
                    self.send_header("Location", "/elsewhere")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                elif what == "html":
                    self.raw(b"<html>Welcome to the hotel</html>")
                elif what == "shape":
                    self.raw(b'data: {"candidates": 7, "choices": 7, "type": "message_start"}\n\n')
                elif what == "malformed":
                    self.raw(b'data: {"type": "content_blo\n\n' if stream else b'{"half": ')
                elif what == "cut":
                    self.chunks(pieces[: server.api.shown])
                elif what == "midstream":
                    self.chunks([*pieces[: server.api.shown], *server.api.midstream])
                elif what == "stall":
                    self.chunks(pieces[: server.api.shown], end=False)
                    server.release.wait(30)
                elif not stream:
                    self.document(200, server.api.whole(TEXT))
                else:
                    self.chunks(pieces)

            def chunks(self, chunks, *, end=True):
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for chunk in chunks:
                    # Two network packets for each event, cut in the middle of a character.
                    for part in (chunk[: len(chunk) // 2], chunk[len(chunk) // 2 :]):
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
                        self.wfile.flush()
                if end:
                    self.wfile.write(b"0\r\n\r\n")

            def raw(self, text):
                self.send_response(200)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def document(self, status, document, extra=()):
                text = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                for name, value in dict(extra).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=lambda: self.http.serve_forever(0.05), daemon=True).start()

    def allowed(self, handler):
        return self.api.key(handler.headers) == KEYS.get(self.api.name)

    def refusal(self, handler):
        """Refuse as the real one does; some repeat the key."""
        said = json.dumps(self.api.error_401).replace("KEY", str(self.api.key(handler.headers)))
        return json.loads(said)

    def close(self):
        self.release.set()
        self.http.shutdown()
        self.http.server_close()


SUFFIX = {"anthropic": "", "openai": "/v1", "gemini": "/v1beta", "ollama": ""}


class Case(unittest.TestCase):
    """A home, keys and a configuration of their own for each test."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = Path(folder.name)
        self.config_file = self.home / "ai-providers.json"
        self.config = {
            "default": None, "timeout": 5, "retries": 2, "retryDelay": 0.01, "maxWait": 5, "providers": {},
        }  # fmt: skip
        self.servers = {}

    def serve(self, name, *plan, api=None, models=("model-a",), costs=None, **changes):
        """Start a provider and configure it after those that are there."""
        api = api or name
        server = Server(api, *plan, models=models)
        self.addCleanup(server.close)
        listed = []
        for model in models:
            into, out = (costs or {}).get(model, (None, None))
            listed.append({"name": model, "inputCost": into, "outputCost": out})
        provider = {
            "api": api,
            "url": server.url + SUFFIX[api],
            "priority": 10 * (len(self.config["providers"]) + 1),
            "models": listed,
        }
        if api in KEYS:
            path = self.home / f"key-{name}"
            path.write_text(KEYS[api] + "\n")
            path.chmod(0o440)
            provider["keyFile"] = str(path)
        self.config["providers"][name] = provider | changes
        self.config["default"] = self.config["default"] or name
        self.servers[name] = server
        self.write()
        return server

    def write(self):
        self.config_file.write_text(json.dumps(self.config))

    def environment(self):
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "AI_PROVIDERS_FILE": str(self.config_file),
            "PYTHONDONTWRITEBYTECODE": "1",
            "LANG": "C.UTF-8",
        }

    def start(self, module, *arguments, **options):
        return subprocess.Popen(
            [sys.executable, "-m", f"ai_cli.{module}", *arguments],
            cwd=HERE, env=self.environment(), text=True,
            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
        )  # fmt: skip

    def run_command(self, module, *arguments, text=None):
        """Run a command with pipes; return its code, output and errors. No key may be in them."""
        options = {} if text is None else {"stdin": subprocess.PIPE}
        process = self.start(module, *arguments, **options)
        out, err = process.communicate(text, timeout=60)
        self.no_keys(out + err)
        for server in self.servers.values():
            self.assertEqual(server.wrong, [])
        return process.returncode, out, err

    def ask(self, *arguments, text=None):
        return self.run_command("cli", *arguments, text=text)

    def no_keys(self, text):
        for value in KEYS.values():
            self.assertNotIn(value, text)
        self.assertNotIn("never-shown", text)

    def at_terminal(self, module, *arguments, typed=b"", until=None):
        """Run a command at a terminal; return its code, output and errors.

        `until` is called with what came so far; once it is true, `typed` is sent.
        """
        parent, child = pty.openpty()
        process = self.start(module, *arguments, stdin=child, stdout=child)
        os.close(child)
        shown = b""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if typed and until is not None and until(shown):
                os.write(parent, typed)
                typed = b""
            ready, _, _ = select.select([parent], [], [], 0.05)
            if ready:
                try:
                    part = os.read(parent, 65536)
                except OSError:
                    break
                if not part:
                    break
                shown += part
            elif process.poll() is not None:
                break
        err = process.stderr.read()
        process.stderr.close()
        process.wait(20)
        os.close(parent)
        process.stdout = None
        self.no_keys(shown.decode() + err)
        return process.returncode, shown.decode().replace("\r\n", "\n"), err

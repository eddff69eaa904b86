"""An OpenAI-compatible server without a model: a thread on a free port of 127.0.0.1.

Written from the API reference's "Create chat completion" and the error bodies of OpenAI, llama.cpp's server and vLLM.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Status:
    """An answer that is none: an HTTP status with the words of its error object."""

    code: int
    message: str = "no"
    headers: dict[str, str] = field(default_factory=dict)
    kind: str | None = None


@dataclass(frozen=True)
class Raw:
    """A 200 whose body is these bytes."""

    body: bytes


#: The connection ends in the middle of the body; before anything was said; nothing is ever said; a byte at a time.
CUT, HANG_UP, SILENCE, DRIP = "cut", "hang up", "silence", "drip"


def pairs(request: dict[str, Any]) -> str:
    """What an obedient model writes: pairs that name the row's first line."""
    shown = request["messages"][-1]["content"]
    name = shown.splitlines()[0].partition(": ")[2]
    keys = ("question", "answer")
    said = [
        dict(zip(keys, (f"{name}, question {number}?", f"{name}: advice {number} for you."), strict=True))
        for number in (1, 2)
    ]
    return json.dumps({"samples": said}, ensure_ascii=False)


@dataclass
class FakeChat:
    """A context manager; the attributes may be changed at any time to make it behave otherwise.

    script: what becomes of the next requests, one entry each, before ``reply`` is asked for the model's words: None
    for an ordinary answer, Status, Raw, CUT, HANG_UP, SILENCE, DRIP. key: asked for when not empty. hold: answers wait until
    it is set, after the first ``free`` ones. counts: whether tokens are counted. knows: parts of a request that are understood; others are a 400.
    """

    reply: Callable[[dict[str, Any]], str | dict[str, Any]] = pairs
    script: list[Any] = field(default_factory=list)
    key: str = ""
    hold: threading.Event | None = None
    free: int = 0
    counts: bool = True
    models: tuple[str, ...] = ("writer",)
    knows: tuple[str, ...] = ("json_schema", "json_object", "max_tokens", "temperature")
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    answered: int = 0

    def __enter__(self) -> FakeChat:
        self._lock = threading.Lock()
        self.running = self.most = 0
        self.port = 0
        self.start()
        return self

    def start(self) -> None:
        """Listen, at the same port as before when it was there already."""
        handler = type("Handler", (_Handler,), {"fake": self})
        self.server = _Server(("127.0.0.1", self.port), handler)
        self.port = self.server.server_address[1]
        self.dead = False
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def die(self) -> None:
        """Stop listening, and let go of whoever is connected."""
        self.dead = True
        self.server.shutdown()
        self.server.server_close()

    def __exit__(self, *_exception: object) -> None:
        if self.hold:
            self.hold.set()
        self.die()

    @property
    def url(self) -> str:
        """What to pass as --endpoint."""
        return f"http://127.0.0.1:{self.port}/v1"

    def next(self) -> Any:
        """What becomes of this request."""
        with self._lock:
            return self.script.pop(0) if self.script else None

    def enter(self, request: dict[str, Any], headers: dict[str, str]) -> None:
        """Note a request, and how many there are at a time."""
        with self._lock:
            self.requests.append(request)
            self.headers.append(headers)
            self.times.append(time.monotonic())
            self.running += 1
            self.most = max(self.most, self.running)

    def leave(self) -> None:
        """The request is over."""
        with self._lock:
            self.running -= 1

    def rows(self) -> list[str]:
        """The rows asked about, as they were shown."""
        return [request["messages"][-1]["content"] for request in self.requests]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, _request: Any, _address: Any) -> None:
        # A client that hangs up in the middle is what some tests are about.
        if not isinstance(sys.exception(), OSError):
            super().handle_error(_request, _address)


class _Handler(BaseHTTPRequestHandler):
    fake: FakeChat
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two writes

    def log_message(self, *_args: object) -> None:
        pass

    def do_GET(self) -> None:
        if self._has_key():
            self._object({"object": "list", "data": [{"id": name} for name in self.fake.models]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.fake.enter(body, dict(self.headers))
        try:
            if self.path != "/v1/chat/completions":
                return self._error(Status(404, "Not Found"))
            if self._has_key():
                self._complete(body)
        finally:
            self.fake.leave()

    def _complete(self, body: dict[str, Any]) -> None:
        if unknown := self._unknown(body):
            return self._error(
                Status(400, f"Unsupported parameter: '{unknown}'", kind="invalid_request_error")
            )
        if body["model"] not in self.fake.models:
            return self._error(Status(404, f"The model `{body['model']}` does not exist"))
        turn = self.fake.next()
        if self.fake.hold and len(self.fake.requests) > self.fake.free:
            self.fake.hold.wait(120)
        if self.fake.dead:
            self._hang_up()
        elif isinstance(turn, Status):
            self._error(turn)
        elif isinstance(turn, Raw):
            self._bytes(turn.body, 200)
        elif turn == SILENCE:
            time.sleep(5)
        elif turn == HANG_UP:
            self._hang_up()
        elif turn == DRIP:
            self._drip(self._completion(body))
        elif turn == CUT:
            self._bytes(self._completion(body), 200, cut=True)
        else:
            self._bytes(self._completion(body), 200)
            self.fake.answered += 1

    def _unknown(self, body: dict[str, Any]) -> str:
        wanted = [name for name in ("max_tokens", "temperature") if name in body]
        if "response_format" in body and body["response_format"]["type"] not in self.fake.knows:
            return f"response_format {body['response_format']['type']}"
        unknown = next((name for name in wanted if name not in self.fake.knows), "")
        return f"{unknown}' … use 'max_completion_tokens" if unknown == "max_tokens" else unknown

    def _completion(self, body: dict[str, Any]) -> bytes:
        said = self.fake.reply(body)
        choice: dict[str, Any] = {"index": 0, "finish_reason": "stop"}
        choice |= {"message": {"role": "assistant", "content": said}} if isinstance(said, str) else said
        found: dict[str, Any] = {"object": "chat.completion", "model": body["model"], "choices": [choice]}
        if self.fake.counts:
            found["usage"] = {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}
        return json.dumps(found).encode()

    def _has_key(self) -> bool:
        right = not self.fake.key or self.headers["Authorization"] == f"Bearer {self.fake.key}"
        if not right:
            # OpenAI's says the key again, mostly.
            given = (self.headers["Authorization"] or "").removeprefix("Bearer ")
            self._error(Status(401, f"Incorrect API key provided: {given}."))
        return right

    def _error(self, status: Status) -> None:
        error = {"message": status.message, "type": status.kind or "error", "code": status.kind}
        self._object({"error": error}, status.code, status.headers)

    def _object(self, value: dict[str, Any], code: int = 200, headers: dict[str, str] | None = None) -> None:
        self._bytes(json.dumps(value).encode(), code, headers)

    def _bytes(
        self, data: bytes, code: int, headers: dict[str, str] | None = None, *, cut: bool = False
    ) -> None:
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if cut else data)
        if cut:
            self._hang_up()

    def _drip(self, data: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        for byte in data:
            self.wfile.write(bytes([byte]))
            time.sleep(0.05)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.close()

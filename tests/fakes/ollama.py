"""An Ollama server that speaks the protocol and holds no model: a thread on a free port of 127.0.0.1.

Written from Ollama's server/routes.go and server/create.go. Templates are rendered by a Go template engine, as there.
"""

from __future__ import annotations

import hashlib
import json
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Stored:
    """One created model."""

    template: str
    system: str
    parameters: dict[str, Any]
    license: Any
    digest: str


@dataclass
class FakeOllama:
    """A context manager; the attributes may be changed at any time to make it behave otherwise.

    answer: pieces that /api/chat streams. cut_upload: close the connection after that many bytes of a blob, cut_uploads: only so often (None: always).
    create_error: said as a line inside the 200 stream. change_template: what becomes of a template on its way in.
    """

    version: str = "0.33.0"
    answer: list[str] = field(default_factory=lambda: ["The Fool", " means", " beginnings."])
    cut_upload: int | None = None
    cut_uploads: int | None = None
    create_error: str = ""
    cut_create: bool = False
    cut_answer: bool = False
    hold_answer: threading.Event | None = None
    change_template: Any = staticmethod(lambda template: template)
    models: dict[str, Stored] = field(default_factory=dict)
    blobs: dict[str, int] = field(default_factory=dict)
    requests: list[tuple[str, str, Any]] = field(default_factory=list)
    uploads: list[str] = field(default_factory=list)

    def __enter__(self) -> FakeOllama:
        handler = type("Handler", (_Handler,), {"fake": self})
        self.server = _Server(("127.0.0.1", 0), handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def host(self) -> str:
        """What to pass as --host or OLLAMA_HOST."""
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def add(self, name: str, template: str = "{{ .Prompt }}", system: str = "") -> None:
        """A model that was there before."""
        self.models[name] = Stored(template, system, {}, None, hashlib.sha256(name.encode()).hexdigest())

    @property
    def numbers(self) -> tuple[int, ...]:
        """The version, to compare with."""
        return tuple(int(part) for part in self.version.split("."))

    def knows_render_only(self) -> bool:
        """Whether this version knows ``_debug_render_only``."""
        return self.numbers >= (0, 11, 5)

    def cuts_upload(self) -> bool:
        """Whether the upload that is arriving is to be cut; counts it."""
        if self.cut_upload is None or self.cut_uploads == 0:
            return False
        if self.cut_uploads is not None:
            self.cut_uploads -= 1
        return True

    def render(self, model: Stored, messages: list[dict[str, str]]) -> str:
        """The prompt, with the system prompt of the model unless the messages bring one."""
        from gotpl import render

        if model.system and messages[0]["role"] != "system":
            messages = [{"role": "system", "content": model.system}, *messages]
        given = [{"Role": one["role"], "Content": one["content"]} for one in messages]
        return render(model.template, {"Messages": given})


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, _request: Any, _address: Any) -> None:
        # A client that hangs up in the middle is what some tests are about.
        if not isinstance(sys.exception(), OSError):
            super().handle_error(_request, _address)


class _Handler(BaseHTTPRequestHandler):
    fake: FakeOllama
    protocol_version = "HTTP/1.1"

    def log_message(self, *_args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._empty(200 if self.path.removeprefix("/api/blobs/") in self.fake.blobs else 404)

    def do_GET(self) -> None:
        if self.path == "/api/version":
            return self._object({"version": self.fake.version})
        if self.path == "/api/tags":
            found = self.fake.models.items()
            return self._object(
                {"models": [{"name": name, "size": 1000, "digest": one.digest} for name, one in found]}
            )
        self._empty(404)

    def do_DELETE(self) -> None:
        name = self._body()["model"]
        if name not in self.fake.models:
            return self._object({"error": f"model '{name}' not found"}, 404)
        del self.fake.models[name]
        self._empty(200)

    def do_POST(self) -> None:
        if self.path.startswith("/api/blobs/"):
            return self._blob(self.path.removeprefix("/api/blobs/"))
        body = self._body()
        self.fake.requests.append(("POST", self.path, body))
        {
            "/api/create": self._create,
            "/api/show": self._show,
            "/api/chat": self._chat,
            "/api/copy": self._copy,
        }[self.path](body)

    def _blob(self, digest: str) -> None:
        if digest in self.fake.blobs:
            return self._empty(200)
        left, sha = int(self.headers["Content-Length"]), hashlib.sha256()
        cut = self.fake.cuts_upload()
        while left:
            piece = self.rfile.read(min(left, 1 << 16))
            sha.update(piece)
            left -= len(piece)
            read = int(self.headers["Content-Length"]) - left
            if cut and read > self.fake.cut_upload:
                self.close_connection = True
                self.connection.close()
                return
        found = f"sha256:{sha.hexdigest()}"
        if found != digest:
            return self._object({"error": f'digest mismatch, expected "{digest}", got "{found}"'}, 400)
        self.fake.blobs[digest] = int(self.headers["Content-Length"])
        self.fake.uploads.append(digest)
        self._empty(201)

    def _create(self, body: dict[str, Any]) -> None:
        if not body.get("files"):
            return self._object({"error": "neither 'from' or 'files' was specified"}, 400)
        if body.get("adapters") and self.fake.numbers >= (0, 34, 1):
            return self._object({"error": "adapters are no longer supported"}, 400)
        ((_name, digest),) = body["files"].items()
        if digest not in self.fake.blobs:
            return self._object({"error": f"blob {digest} not found"}, 500)
        self._start_stream()
        self._line({"status": "parsing GGUF"})
        if self.fake.numbers >= (0, 30):
            # The engine of 0.30 writes every file anew, so the blob it keeps has another digest than the one sent.
            self._line({"status": "validating GGUF model", "digest": "0" * 19, "total": 100, "completed": 50})
        if self.fake.create_error:
            self._line({"error": self.fake.create_error})
        elif not self.fake.cut_create:
            template = self.fake.change_template(body.get("template") or "{{ .Prompt }}")
            self.fake.models[body["model"]] = Stored(
                template, body.get("system", ""), body.get("parameters", {}), body.get("license"), digest[7:]
            )
            self._line({"status": "writing manifest"})
            self._line({"status": "success"})
        self._end_stream()

    def _show(self, body: dict[str, Any]) -> None:
        if (found := self._stored(body)) is not None:
            self._object({"template": found.template, "system": found.system, "modelfile": "FROM …"})

    def _copy(self, body: dict[str, Any]) -> None:
        if (found := self._stored({"model": body["source"]})) is not None:
            self.fake.models[body["destination"]] = found
            self._empty(200)

    def _chat(self, body: dict[str, Any]) -> None:
        if (found := self._stored(body)) is None:
            return
        if body.get("_debug_render_only") and self.fake.knows_render_only():
            prompt = self.fake.render(found, body["messages"])
            return self._object({"model": body["model"], "_debug_info": {"rendered_template": prompt}})
        pieces = self.fake.answer
        if body.get("stream") is False:
            return self._object({"message": {"role": "assistant", "content": "".join(pieces)}, "done": True})
        self._start_stream()
        for piece in pieces:
            self._line({"message": {"role": "assistant", "content": piece}, "done": False})
            if self.fake.hold_answer:
                self.fake.hold_answer.wait(60)
        if not self.fake.cut_answer:
            counts = {"eval_count": len(pieces), "eval_duration": 500_000_000, "prompt_eval_count": 12}
            self._line({"message": {"role": "assistant", "content": ""}, "done": True, **counts})
        self._end_stream()

    def _stored(self, body: dict[str, Any]) -> Stored | None:
        name = body["model"] if ":" in body["model"] else f"{body['model']}:latest"
        if name not in self.fake.models:
            self._object({"error": f"model '{body['model']}' not found"}, 404)
        return self.fake.models.get(name)

    def _body(self) -> dict[str, Any]:
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def _empty(self, code: int) -> None:
        self.send_response(code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _object(self, value: dict[str, Any], code: int = 200) -> None:
        data = json.dumps(value).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _start_stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _line(self, value: dict[str, Any]) -> None:
        data = json.dumps(value, ensure_ascii=False).encode() + b"\n"
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _end_stream(self) -> None:
        self.wfile.write(b"0\r\n\r\n")

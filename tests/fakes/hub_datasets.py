"""A Hugging Face hub with datasets, as its client sees it: ``/api/datasets`` and ``/datasets/…/resolve`` on loopback."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """Its datasets: name → path → bytes; cards: name → what the YAML of the README says.

    ``refuse``: name → (status, X-Error-Code) with which everything about it is answered. ``asked``: method and path
    of every request. ``cut``: files whose bytes end in the middle, once.
    """

    def __init__(self) -> None:
        self.datasets: dict[str, dict[str, bytes]] = {}
        self.cards: dict[str, dict[str, Any]] = {}
        self.refuse: dict[str, tuple[int, str]] = {}
        self.asked: list[str] = []
        self.cut: set[str] = set()
        self.endpoint = ""


@contextmanager
def serve() -> Iterator[Hub]:
    """A hub that answers until the end of the block."""
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            hub.asked.append(f"{self.command} {path}")
            kind, _, rest = path.removeprefix("/").partition("datasets/")
            name = "/".join(rest.split("/")[:2])
            after = rest.removeprefix(name).removeprefix("/")
            if name in hub.refuse:
                status, code = hub.refuse[name]
                return self._answer(status, b"", {"X-Error-Code": code})
            if name not in hub.datasets:
                return self._answer(401, b"", {"X-Error-Code": "RepoNotFound"})
            if kind == "api/":
                return self._about(name, after)
            _resolve, _revision, file = after.split("/", 2)
            content = hub.datasets[name].get(file)
            if content is None:
                return self._answer(404, b"", {"X-Error-Code": "EntryNotFound"})
            headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": COMMIT}
            start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
            if start:
                headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            if self.command == "GET" and file in hub.cut:
                hub.cut.discard(file)
                return self._answer(200, content, headers, send=len(content) // 2)
            self._answer(206 if start else 200, content[start:], headers)

        do_HEAD = do_GET

        def _about(self, name: str, after: str) -> None:
            revision = after.removeprefix("revision/")
            if revision not in ("", "main", COMMIT):
                return self._answer(404, b"", {"X-Error-Code": "RevisionNotFound"})
            files = hub.datasets[name]
            siblings = [{"rfilename": path, "size": len(content)} for path, content in files.items()]
            card = {"cardData": hub.cards[name]} if name in hub.cards else {}
            about = {"id": name, "sha": COMMIT, "siblings": siblings, "tags": [], **card}
            self._answer(200, json.dumps(about).encode(), {"Content-Type": "application/json"})

        def _answer(self, status: int, body: bytes, headers: dict[str, str], send: int | None = None) -> None:
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body[:send])
            if send is not None:
                self.close_connection = True

        def log_message(self, *_words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hub.endpoint = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield hub
        server.shutdown()
        thread.join()

"""A ModelScope that gives models: a thread on a free port of 127.0.0.1, for ``MODELSCOPE_ENDPOINT``.

Asked by ModelScope's own client and written from its ``_legacy_api.py`` and ``_download.py``: the list of files, the
files themselves (with ranges), and the question whether they could be had from a nearer place.
"""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass
class FakeModelScope:
    """A context manager. models: name → file → content. private: names that need a token. served: files sent so far."""

    models: dict[str, dict[str, bytes]] = field(default_factory=dict)
    private: set[str] = field(default_factory=set)
    served: list[str] = field(default_factory=list)

    def __enter__(self) -> FakeModelScope:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": self}))
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self) -> str:
        """What to set as MODELSCOPE_ENDPOINT."""
        return f"http://127.0.0.1:{self.server.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    hub: FakeModelScope
    protocol_version = "HTTP/1.1"

    def log_message(self, *_args: object) -> None:
        pass

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        parts = unquote(url.path).removeprefix("/api/v1/models/").split("/")
        name, rest = "/".join(parts[:2]), parts[2:]
        if not url.path.startswith("/api/v1/models/"):
            return self._answer({"Code": 200, "Data": {}, "Success": True})
        if name in self.hub.private:
            return self._answer({"Code": 10990101003, "Message": "no permission", "Success": False}, 403)
        files = self.hub.models.get(name)
        if files is None:
            return self._answer({"Code": 10010205001, "Message": "not found", "Success": False}, 404)
        if rest == ["repo", "files"]:
            listed = [
                {"Path": path, "Name": path, "Type": "blob", "Size": len(data), "Sha256": hashlib.sha256(data).hexdigest()}
                for path, data in files.items()
            ]  # fmt: skip
            return self._answer({"Code": 200, "Data": {"Files": listed}, "Success": True})
        if rest == ["repo"] and "FilePath" in query:
            return self._file(query["FilePath"], files.get(query["FilePath"]))
        self._answer({"Code": 404, "Message": "unknown", "Success": False}, 404)

    do_HEAD = do_GET

    def _file(self, path: str, data: bytes | None) -> None:
        if data is None:
            return self._answer({"Code": 404, "Message": "not found", "Success": False}, 404)
        first, _dash, last = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
        begin, end = int(first or 0), min(int(last or len(data) - 1), len(data) - 1)
        self.send_response(206 if "Range" in self.headers else 200)
        self.send_header("Content-Length", str(end + 1 - begin))
        if "Range" in self.headers:
            self.send_header("Content-Range", f"bytes {begin}-{end}/{len(data)}")
        self.end_headers()
        if self.command == "GET":
            self.hub.served.append(path)
            self.wfile.write(data[begin : end + 1])

    def _answer(self, value: dict[str, Any], code: int = 200) -> None:
        data = json.dumps(value).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

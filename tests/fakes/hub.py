"""A Hugging Face hub that takes uploads and gives models: a thread on a free port of 127.0.0.1.

Asked by the hub's own client, and written from its ``hf_api.py``, ``_commit_api.py``, ``lfs.py`` and
``file_download.py``: whose a token is, repositories and their files, the question which files are large, the Git LFS
batch call, the upload by hash, the commit. Set ``HF_ENDPOINT`` to :attr:`FakeHub.url` and
``HF_HUB_DISABLE_XET=1`` in the process that is to use it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "hf_" + "t" * 34


@dataclass
class Repository:
    """private: whether only its owner reads it. files: what the last commit holds. about: what the hub tells of it
    besides (``safetensors``, ``tags``, ``downloads``).
    """

    private: bool
    files: dict[str, bytes] = field(default_factory=dict)
    commits: list[str] = field(default_factory=list)
    about: dict[str, Any] = field(default_factory=dict)


@dataclass
class FakeHub:
    """A context manager. declined_commits: so many commits are declined. readonly: the token may only read.

    gated: names of models whose terms nobody has accepted. served: path and first byte of every file that was sent.
    """

    repositories: dict[str, Repository] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    uploads: list[str] = field(default_factory=list)
    declined_commits: int = 0
    readonly: bool = False
    gated: set[str] = field(default_factory=set)
    served: list[tuple[str, int]] = field(default_factory=list)

    def __enter__(self) -> FakeHub:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": self}))
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self) -> str:
        """What to set as HF_ENDPOINT."""
        return f"http://127.0.0.1:{self.server.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    hub: FakeHub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_args: object) -> None:
        pass

    def do_GET(self) -> None:
        path = unquote(self.path.split("?")[0])
        if path == "/api/whoami-v2":
            return self._whoami()
        if path == "/":  # asked to see whether anybody is there
            return self._answer({})
        if path == "/api/models":
            return self._search()
        about = path.startswith("/api/models/")
        parts = path.removeprefix("/api/models" if about else "").strip("/").split("/")
        name, rest = "/".join(parts[:2]), parts[2:]
        repository = self.hub.repositories.get(name)
        if repository is None:
            return self._answer({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})
        if not about or rest == ["auth-check"]:
            if name in self.hub.gated:
                return self._answer({"error": "Access is restricted"}, 403, {"X-Error-Code": "GatedRepo"})
            return self._answer({}) if about else self._file(repository, "/".join(rest[2:]))
        if rest[:1] == ["tree"]:
            return self._answer(
                [
                    {"type": "file", "path": file, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
                    for file, data in repository.files.items()
                ]
            )
        siblings = [{"rfilename": file, "size": len(data)} for file, data in repository.files.items()]
        self._answer(self._about(name) | {"sha": "0" * 40, "siblings": siblings})

    do_HEAD = do_GET

    def _about(self, name: str) -> dict[str, Any]:
        repository = self.hub.repositories[name]
        gated = "manual" if name in self.hub.gated else False
        return {"id": name, "private": repository.private, "gated": gated, **repository.about}

    def _search(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        words, limit = query["search"][0].casefold(), int(query["limit"][0])
        assert query["sort"] == ["downloads"] and "safetensors" in query["filter"] + query["expand"]
        found = [self._about(name) for name in self.hub.repositories if words in name.casefold()]
        found.sort(key=lambda one: -one.get("downloads", 0))
        self._answer(found[:limit])

    def _whoami(self) -> None:
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self._answer({"error": "Invalid credentials in Authorization header"}, 401)
        token = {"displayName": "test", "role": "read" if self.hub.readonly else "write"}
        self._answer({"type": "user", "name": "me", "auth": {"accessToken": token}})

    def _file(self, repository: Repository, path: str) -> None:
        data = repository.files.get(path)
        if data is None:
            return self._answer({"error": "Entry not found"}, 404, {"X-Error-Code": "EntryNotFound"})
        first = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
        self.send_response(206 if first else 200)
        self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
        self.send_header("X-Repo-Commit", "0" * 40)
        self.send_header("Content-Length", str(len(data) - first))
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        if self.command == "GET":
            self.hub.served.append((path, first))
            self.wfile.write(data[first:])

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self._answer({"error": "Invalid username or password."}, 401)
        if self.hub.readonly:
            return self._answer({"error": "Forbidden: you must use a write token"}, 403)
        path = self.path.split("?")[0]
        if path == "/api/repos/create":
            return self._create(json.loads(body))
        if path == "/api/validate-yaml":
            return self._answer({"errors": [], "warnings": []})
        if path.endswith("/info/lfs/objects/batch"):
            return self._batch(json.loads(body))
        name = "/".join(path.removeprefix("/api/models/").split("/")[:2])
        if "/preupload/" in path:
            return self._preupload(json.loads(body))
        if "/commit/" in path:
            return self._commit(self.hub.repositories[name], name, body)
        self._answer({"error": f"unknown path {path}"}, 404)

    def _create(self, body: dict[str, Any]) -> None:
        name = f"{body.get('organization') or 'me'}/{body['name']}"
        if name in self.hub.repositories:
            return self._answer(
                {"error": "You already created this model repo", "url": f"{self.hub.url}/{name}"}, 409
            )
        private = body.get("private") or body.get("visibility") == "private"
        self.hub.repositories[name] = Repository(bool(private))
        self._answer({"url": f"{self.hub.url}/{name}", "name": name})

    def _preupload(self, body: dict[str, Any]) -> None:
        large = (".gguf", ".safetensors")
        files = [
            {
                "path": one["path"],
                "uploadMode": "lfs" if one["path"].endswith(large) else "regular",
                "shouldIgnore": False,
                "oid": None,
            }
            for one in body["files"]
        ]
        self._answer({"files": files, "commitOid": "0" * 40})

    def _batch(self, body: dict[str, Any]) -> None:
        objects = []
        for one in body["objects"]:
            found: dict[str, Any] = {"oid": one["oid"], "size": one["size"]}
            if one["oid"] not in self.hub.objects:
                found["actions"] = {"upload": {"href": f"{self.hub.url}/upload/{one['oid']}"}}
            objects.append(found)
        self._answer({"transfer": "basic", "objects": objects})

    def do_PUT(self) -> None:
        oid = self.path.rpartition("/")[2]
        length = int(self.headers["Content-Length"])
        data = self.rfile.read(length)
        if hashlib.sha256(data).hexdigest() != oid:
            return self._answer({"error": "hash mismatch"}, 400)
        self.hub.objects[oid] = data
        self.hub.uploads.append(oid)
        self._answer({})

    def _commit(self, repository: Repository, name: str, body: bytes) -> None:
        if self.hub.declined_commits:
            self.hub.declined_commits -= 1
            return self._answer({"error": "The commit is out of order"}, 400)
        for line in body.splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "header":
                repository.commits.append(value["summary"])
            elif entry["key"] == "file":
                repository.files[value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                if value["oid"] not in self.hub.objects:
                    return self._answer({"error": f"LFS object {value['oid']} was not uploaded"}, 400)
                repository.files[value["path"]] = self.hub.objects[value["oid"]]
        url = f"{self.hub.url}/{name}/commit/{'1' * 40}"
        self._answer({"commitUrl": url, "commitOid": "1" * 40, "hookOutput": ""})

    def _answer(self, value: Any, code: int = 200, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(value).encode()
        self.send_response(code)
        for key, text in (headers or {}).items():
            self.send_header(key, text)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

"""What the hub answers becomes one sentence. A small server stands for it; the hub's own client asks."""

from __future__ import annotations

import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

# (status, headers): as huggingface.co answers for a name that is not there, gated, broken.
ANSWERS = {
    "nobody/nothing": (401, {"X-Error-Code": "RepoNotFound"}),
    "meta/gated": (403, {"X-Error-Code": "GatedRepo"}),
    "some/broken": (500, {}),
}


class Hub(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, headers = next((found for name, found in ANSWERS.items() if name in self.path), (200, {}))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET

    def log_message(self, *_words: object) -> None:
        pass


@pytest.fixture(scope="module")
def hub():
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("name", "kind", "says"),
    [
        ("nobody/nothing", "BadInput", "is not on the hub, or private"),
        ("meta/gated", "BadInput", "is gated: accept its terms"),
        ("some/broken", "TarotError", "could not be downloaded"),
    ],
)
def test_what_the_hub_refuses_is_said_in_one_sentence(hub, tmp_path, name, kind, says):
    program = (
        "from tarot_tui.training.base import locate\n"
        "from tarot_tui.errors import TarotError\n"
        f"try: locate({name!r}, say=lambda line: None)\n"
        "except TarotError as error: print(type(error).__name__, error)\n"
    )
    env = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "TRANSFORMERS_"))}
    env |= {
        "HF_ENDPOINT": hub,
        "HF_HOME": str(tmp_path),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "no_proxy": "127.0.0.1",
    }
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=env, cwd=tmp_path, check=True
    )
    found, _, sentence = done.stdout.strip().partition(" ")
    assert found == kind
    assert says in sentence and "\n" not in sentence

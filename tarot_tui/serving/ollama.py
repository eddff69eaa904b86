"""A client for Ollama's HTTP API: what is there, import, chat. (The protocol: ollama/docs/api.md and server/routes.go.)"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tarot_tui.errors import BadInput, TarotError
from tarot_tui.locale import _
from tarot_tui.ollama_host import is_this_machine, ollama_url
from tarot_tui.serving.answer import Stats
from tarot_tui.text import one_line

if TYPE_CHECKING:
    import httpx

    from tarot_tui.export.release import Release
    from tarot_tui.serving.importing import Imported

#: Told what is happening, and how many of how many bytes are done where that is known.
OnStatus = Callable[[str, int | None, int | None], None]

_PIECE = 1 << 20
# ASCII only: Ollama's isValidPart. A namespace may not hold dots, and only a host may hold a port.
_PART = r"[A-Za-z0-9_][\w.-]{0,79}"
_NAME = re.compile(
    rf"(?:(?:[A-Za-z0-9_][\w.:-]{{0,349}}/)?[A-Za-z0-9_][\w-]{{0,79}}/)?{_PART}(?::{_PART})?", re.ASCII
)


class Unreachable(TarotError):
    """The server does not answer, or the connection to it broke off: trying again may help."""


@dataclass(frozen=True)
class Model:
    """A model that Ollama holds. size: bytes; digest: of its manifest, changes with any part of it."""

    name: str
    size: int
    digest: str


def full_name(name: str) -> str:
    """``name`` with its tag (``tarot`` → ``tarot:latest``). Raises BadInput for what Ollama would not accept."""
    if not _NAME.fullmatch(name):
        raise BadInput(
            _(
                "Ollama does not accept the name '{name}': it takes ASCII letters, digits, '_', '-' and '.', "
                "such as tarot or tarot:v2; choose one with --as."
            ).format(name=one_line(name, 60))
        )
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


class Ollama:
    """One Ollama server. Every method raises TarotError with the server's words when it declines."""

    def __init__(self, host: str | None = None) -> None:
        """``host`` as in ``OLLAMA_HOST``, which is used when it is None."""
        self.url = ollama_url(host)
        self.stats = Stats()
        self._client: httpx.Client | None = None
        self._answer: httpx.Response | None = None
        self._cancelled = False

    def __enter__(self) -> Ollama:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        if self._client:
            self._client.close()
            self._client = None

    def running(self) -> bool:
        """Whether a server answers there, within two seconds."""
        with suppress(TarotError):
            return bool(self.version())
        return False

    def version(self) -> str:
        """The server's version, such as ``0.30.1``."""
        return str(self._json("GET", "/api/version", timeout=2.0).get("version", ""))

    def models(self) -> list[Model]:
        """The models it holds."""
        found = self._json("GET", "/api/tags", timeout=10.0).get("models") or []
        return [
            Model(str(one.get("name", "")), int(one.get("size", 0)), str(one.get("digest", "")))
            for one in found
        ]

    def find(self, name: str) -> Model | None:
        """The model of that name (``:latest`` may be left out, case does not matter), or None."""
        wanted = full_name(name).casefold()
        return next((model for model in self.models() if model.name.casefold() == wanted), None)

    def show(self, name: str) -> dict[str, Any]:
        """What the server knows about a model: ``template``, ``system``, ``parameters``, ``model_info`` …"""
        return self._json("POST", "/api/show", timeout=30.0, json={"model": name})

    def delete(self, name: str) -> None:
        """Remove a model."""
        with self._request("DELETE", "/api/delete", timeout=30.0, json={"model": name}):
            pass

    def copy(self, name: str, to: str) -> None:
        """Give a model a second name; the server keeps the weights once."""
        with self._request("POST", "/api/copy", timeout=30.0, json={"source": name, "destination": to}):
            pass

    def create(
        self,
        release: Release,
        name: str,
        *,
        quant: str | None = None,
        replace: bool = False,
        on_status: OnStatus = lambda *_: None,
    ) -> Imported:
        """Import a release under ``name`` and prove its prompt: see :func:`importing.import_release`."""
        from tarot_tui.serving.importing import import_release

        return import_release(self, release, name, quant=quant, replace=replace, on_status=on_status)

    def has_blob(self, digest: str) -> bool:
        """Whether the server holds the file of that digest (``sha256:…``) already."""
        import httpx

        try:
            with self._request("HEAD", f"/api/blobs/{digest}", timeout=30.0):
                return True
        except TarotError as error:
            cause = error.__cause__
            if isinstance(cause, httpx.HTTPStatusError) and cause.response.status_code == 404:
                return False
            raise

    def upload(self, path: Path, digest: str, on_status: OnStatus) -> None:
        """Send a file, a megabyte at a time; the server checks the digest."""
        total = path.stat().st_size
        with (
            open(path, "rb") as file,
            self._request(
                "POST",
                f"/api/blobs/{digest}",
                # The length said beforehand: the server can decline at once when its disk is too small.
                headers={"Content-Length": str(total)},
                content=_pieces(file, total, on_status),
            ),
        ):
            pass

    def create_model(self, body: dict[str, Any], on_status: OnStatus) -> None:
        """``POST /api/create``; returns once the server said ``success``."""
        last = ""
        with self._request("POST", "/api/create", json={**body, "stream": True}) as response:
            for line in _lines(response):
                last = str(line.get("status", ""))
                on_status(one_line(last), line.get("completed"), line.get("total"))
        if last != "success":
            raise TarotError(
                _("Ollama broke off while creating the model (last said: '{status}'); try again.").format(
                    status=one_line(last, 80)
                )
            )

    def render(self, name: str, messages: list[dict[str, str]], thinking: bool | None = None) -> str | None:
        """The prompt the server would give the model; None where it does not know how (before 0.11.5)."""
        body = {"model": name, "messages": messages, "stream": False, "_debug_render_only": True}
        body |= _about_thinking(thinking)
        found = self._json("POST", "/api/chat", timeout=None, json=body)
        prompt = (found.get("_debug_info") or {}).get("rendered_template")
        return prompt if isinstance(prompt, str) else None

    def chat(
        self, name: str, messages: list[dict[str, str]], thinking: bool | None = None, **options: Any
    ) -> Iterator[str]:
        """The answer in pieces, as they arrive; :attr:`stats` holds afterwards what it cost.

        thinking: whether the model is told to; None leaves that to the server. options: Ollama's (``temperature``,
        ``num_ctx`` …). Closing the iterator ends the generation, and
        :meth:`cancel` does so from another thread.
        """
        self.stats = Stats()
        self._cancelled = False
        body = {"model": name, "messages": messages, "options": options, "stream": True}
        body |= _about_thinking(thinking)
        try:
            with self._request("POST", "/api/chat", json=body) as self._answer:
                for line in _lines(self._answer):
                    if piece := (line.get("message") or {}).get("content"):
                        yield str(piece)
                    if line.get("done"):
                        self.stats = _stats(line)
                        return
            raise TarotError(_("Ollama broke off in the middle of the answer; ask again."))
        except TarotError:
            if not self._cancelled:
                raise
        finally:
            self._answer = None

    def cancel(self) -> None:
        """End the running answer from another thread: its iterator stops."""
        self._cancelled = True
        if response := self._answer:
            stream = response.extensions.get("network_stream")
            # Shut down rather than closed: that is what wakes a thread that waits in recv().
            with suppress(OSError, AttributeError):
                stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

    def _json(self, method: str, path: str, *, timeout: float | None, **request: Any) -> dict[str, Any]:
        with self._request(method, path, timeout=timeout, **request) as response:
            return _object(response.read(), self.url)

    @contextmanager
    def _request(
        self, method: str, path: str, *, timeout: float | None = None, **request: Any
    ) -> Iterator[httpx.Response]:
        """One request; without ``timeout`` the server may take as long as it likes once connected."""
        import httpx

        limits = httpx.Timeout(timeout, connect=min(timeout or 5.0, 5.0))
        client = self._http()
        try:
            with client.stream(method, path, timeout=limits, **request) as response:
                if response.is_error:
                    response.read()
                    response.raise_for_status()
                yield response
        except httpx.HTTPStatusError as error:
            raise TarotError(_declined(error.response)) from error
        except httpx.ConnectError as error:
            raise Unreachable(
                _(
                    "Ollama does not answer at {url}: start it with 'ollama serve', name another with --host, "
                    "or chat without it (--local)."
                ).format(url=self.url)
            ) from error
        except httpx.TimeoutException as error:
            raise Unreachable(_("Ollama at {url} took too long to answer.").format(url=self.url)) from error
        except (httpx.TransportError, httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise Unreachable(
                _("The connection to Ollama at {url} broke off: {reason}.").format(
                    url=self.url, reason=one_line(str(error)) or type(error).__name__
                )
            ) from error

    def _http(self) -> httpx.Client:
        import httpx

        if self._client is None:
            try:
                # Go, unlike httpx, never asks a proxy for this machine itself.
                self._client = httpx.Client(base_url=self.url, trust_env=not is_this_machine(self.url))
            except (
                ValueError,
                httpx.InvalidURL,
            ) as error:  # of the address, or of a proxy in the environment
                raise BadInput(
                    _(
                        "Ollama at {url} cannot be asked ({reason}): look at OLLAMA_HOST, --host and the proxies."
                    ).format(url=one_line(self.url), reason=one_line(str(error), 120).rstrip("."))
                ) from None
        return self._client


def _about_thinking(thinking: bool | None) -> dict[str, bool]:
    return {} if thinking is None else {"think": thinking}


def _pieces(file: Any, total: int, on_status: OnStatus) -> Iterator[bytes]:
    done = 0
    while piece := file.read(_PIECE):
        yield piece
        done += len(piece)
        on_status(_("uploading"), done, total)


def _lines(response: httpx.Response) -> Iterator[dict[str, Any]]:
    # Not httpx's iter_lines: it also splits at characters that may stand inside a JSON string (U+0085).
    rest = b""
    for piece in response.iter_bytes():
        *lines, rest = (rest + piece).split(b"\n")
        for line in filter(bytes.strip, lines):
            yield _checked(line, response)
    if rest.strip():
        yield _checked(rest, response)


def _checked(line: bytes, response: httpx.Response) -> dict[str, Any]:
    found = _object(line, str(response.url))
    if "error" in found:
        raise TarotError(_("Ollama: {words}").format(words=one_line(str(found["error"]), 400)))
    return found


def _object(text: bytes, url: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise TarotError(_("What answers at {url} is not Ollama.").format(url=url))
    return found


def _declined(response: httpx.Response) -> str:
    words = ""
    with suppress(ValueError, AttributeError):
        words = str(response.json().get("error") or "")
    if words:
        return _("Ollama: {words}").format(words=one_line(words, 400))
    return _("What answers at {url} declined with HTTP status {code}.").format(
        url=response.url, code=response.status_code
    )


def _stats(line: dict[str, Any]) -> Stats:
    return Stats(
        tokens=int(line.get("eval_count") or 0),
        seconds=float(line.get("eval_duration") or 0) / 1e9,
        prompt_tokens=int(line.get("prompt_eval_count") or 0),
    )

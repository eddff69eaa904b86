"""A conversation with a model by its name, wherever it is served: Ollama, or llama.cpp in a child process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.serving.answer import Stats
from tarot_tui.serving.local import Local
from tarot_tui.serving.ollama import Ollama
from tarot_tui.text import one_line

if TYPE_CHECKING:
    from tarot_tui.export.release import Release
    from tarot_tui.project import Project

Prefer = Literal["auto", "ollama", "local"]


class Chat:
    """A context manager around one served model.

    label: where it answers from, for people. backend: ``ollama`` or ``local``. system: the system prompt it was
    trained with, empty when there was none. stats: of the last answer, once it is complete.
    """

    def __init__(
        self, name: str, backend: Ollama | Local, system: str, model: str, thinking: bool | None = None
    ) -> None:
        self.name = name
        self.system = system
        self.backend = "ollama" if isinstance(backend, Ollama) else "local"
        self.label = (
            _("{model} in Ollama at {url}").format(model=model, url=backend.url)
            if isinstance(backend, Ollama)
            else _("{model} in llama.cpp on this machine").format(model=model)
        )
        self._backend = backend
        self._model = model
        self._thinking = thinking
        self._stack = ExitStack()

    def __enter__(self) -> Chat:
        self._stack.enter_context(self._backend)
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stack.close()

    @property
    def stats(self) -> Stats:
        """What the last answer cost."""
        return self._backend.stats

    def send(self, messages: list[dict[str, str]], **options: Any) -> Iterator[str]:
        """The answer to ``messages`` in pieces, raw as the model gives them.

        The trained system prompt goes in front unless ``messages`` begins with one (which may be empty: none then).
        options: Ollama's names (``temperature``, ``num_predict`` …). Raises TarotError when the server or the child fails.
        """
        messages = self._with_system(messages)
        if isinstance(self._backend, Ollama):
            return self._backend.chat(self._model, messages, self._thinking, **options)
        return self._backend.chat(messages, self._thinking, **options)

    def cancel(self) -> None:
        """End the running answer from another thread: its iterator stops."""
        self._backend.cancel()

    def _with_system(self, messages: list[dict[str, str]]) -> list[dict[str, str]]:
        if not messages or messages[0]["role"] != "system":
            return [{"role": "system", "content": self.system}, *messages] if self.system else messages
        return messages if messages[0]["content"] else messages[1:]


def open_chat(project: Project | None, name: str, prefer: Prefer = "auto", host: str | None = None) -> Chat:
    """The model ``name``: a release of the project, a path to a ``.gguf``, or a model that Ollama holds.

    With ``auto`` Ollama answers when it runs and holds that name, else llama.cpp here. Nothing is loaded before the
    chat is entered. Raises BadInput for an unknown name, TarotError when ``prefer`` cannot be had.
    """
    release = _release(project, name)
    gguf = Path(name).expanduser()
    if release is None and gguf.suffix == ".gguf":
        return Chat(name, Local(gguf), "", gguf.name)
    if prefer != "local" and (found := _in_ollama(name, host, required=prefer == "ollama")):
        system, thinking = (release.system, release.thinking) if release else ("", None)
        return Chat(name, found, system, name, thinking)
    if release is None:
        raise BadInput(_unknown(project, name))
    return _local(release)


def _local(release: Release) -> Chat:
    from tarot_tui.serving.importing import pick_gguf

    gguf = pick_gguf(release)
    local = Local(gguf, {**release.parameters, "stop": release.stops})
    return Chat(release.name, local, release.system, gguf.name, release.thinking)


def _in_ollama(name: str, host: str | None, *, required: bool) -> Ollama | None:
    ollama = Ollama(host)
    try:
        if (required or ollama.running()) and ollama.find(name):
            return ollama
    except BadInput:
        # A name that Ollama does not accept is none that it holds.
        if required:
            raise
    if required:
        raise BadInput(
            _(
                "Ollama at {url} has no model '{name}': 'tarot-tui ollama import {name}' brings it there."
            ).format(url=ollama.url, name=one_line(name, 60))
        )
    return None


def _release(project: Project | None, name: str) -> Release | None:
    from tarot_tui.export.release import read_release, releases

    return read_release(project, name) if project and name in releases(project) else None


def _unknown(project: Project | None, name: str) -> str:
    from tarot_tui.export.release import releases

    if project is None:
        there = _("there is no project here")
    elif known := releases(project):
        there = _("this project has {names}").format(names=", ".join(known))
    else:
        there = _("this project has none yet")
    return _(
        "There is no model '{name}': {there}, and Ollama holds none of that name or does not run."
    ).format(name=one_line(name, 60), there=there)

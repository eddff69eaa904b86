"""A GGUF answered by llama.cpp on this machine, without Ollama: no port, no terminal noise, one child process."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tarot_tui.errors import BadInput, TarotError
from tarot_tui.locale import _, language
from tarot_tui.project import worker_python
from tarot_tui.serving.answer import Stats
from tarot_tui.serving.gguf_header import read_header
from tarot_tui.text import one_line

#: Sampling options with Ollama's names and Ollama's defaults, so that both ways of serving answer alike.
DEFAULTS: dict[str, Any] = {
    "temperature": 0.8,  # 0 is greedy
    "top_k": 40,
    "top_p": 0.9,
    "min_p": 0.0,
    "repeat_penalty": 1.0,
    "repeat_last_n": 64,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "num_predict": -1,  # until the model ends its turn, or the context is full
    "seed": -1,  # -1: another one each time
    "stop": [],
    "num_ctx": 4096,
}
_GRACE = 10.0


class Local:
    """A context manager around one loaded model. One answer at a time.

    Raises BadInput for a file that cannot be chatted with and TarotError when llama.cpp is not installed or fails;
    a crash of the child is one sentence, and the next :meth:`chat` says so again.
    """

    def __init__(self, gguf: Path, parameters: dict[str, Any] | None = None) -> None:
        """``parameters`` are the model's own defaults (as in a release); options given to :meth:`chat` go before them."""
        self.gguf = gguf
        self.stats = Stats()
        header = _checked_header(gguf)
        trained = next((value for key, value in header.items() if key.endswith(".context_length")), None)
        self._defaults = {**DEFAULTS, **_known(parameters or {})}
        if trained and "num_ctx" not in (parameters or {}):
            self._defaults["num_ctx"] = min(self._defaults["num_ctx"], trained)
        self._count = 0
        self._running = 0
        self._lines: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._child: subprocess.Popen[str] | None = None

    def __enter__(self) -> Local:
        if worker_python() == sys.executable and find_spec("xllamacpp") is None:
            raise TarotError(
                _(
                    "llama.cpp is not installed: pip install 'tarot-tui[chat]', or import the model into Ollama."
                )
            )
        # A file rather than a pipe: nobody needs to read along, and its end says why the child died.
        self._log = tempfile.TemporaryFile()
        self._child = subprocess.Popen(
            [
                worker_python(),
                "-m",
                "tarot_tui.serving.llama_child",
                str(self.gguf),
                str(self._defaults["num_ctx"]),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            encoding="utf-8",
            # Without a backtrace: for that llama.cpp would start a debugger, which may take minutes.
            env=os.environ | {"TAROT_TUI_LANG": language(), "GGML_NO_BACKTRACE": "1"},
            start_new_session=True,  # a Ctrl-C at the terminal is for the answer, not for the model
        )
        threading.Thread(target=self._listen, daemon=True).start()
        try:
            self._next()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the child; at once, since it holds nothing that could be lost."""
        if child := self._child:
            self._child = None
            child.kill()
            child.wait()
            with suppress(OSError):
                child.stdin.close()
            self._log.close()

    def chat(
        self, messages: list[dict[str, str]], thinking: bool | None = None, **options: Any
    ) -> Iterator[str]:
        """The answer in pieces; :attr:`stats` holds afterwards what it cost.

        The prompt is what the model's own chat template makes of ``messages``. thinking: whether that is told to let
        the model think; None for llama.cpp's own way, which is to tell every template that knows of it. Closing the iterator ends the
        answer early, and :meth:`cancel` does so from another thread.
        """
        self.stats = Stats()
        self._ask(messages, {**self._defaults, **_known(options)}, thinking=thinking)
        try:
            while self._running:
                message = self._next()
                if "text" in message:
                    yield message["text"]
                elif done := self._ended(message):
                    self.stats = Stats(done["tokens"], done["seconds"], done["prompt_tokens"])
        finally:
            self._settle()

    def render(self, messages: list[dict[str, str]], thinking: bool | None = None) -> tuple[str, int]:
        """The prompt that ``messages`` make, and its length in tokens (with those the tokenizer adds, such as BOS)."""
        self._ask(messages, {**self._defaults, "num_predict": 0}, verbose=True, thinking=thinking)
        done = None
        while self._running:
            done = self._ended(self._next()) or done
        return (done["prompt"], done["prompt_tokens"]) if done else ("", 0)

    def cancel(self) -> None:
        """End the running answer from another thread: its iterator stops."""
        if number := self._running:
            self._send({"cancel": number})

    def _ask(self, messages: list[dict[str, str]], options: dict[str, Any], **extra: Any) -> None:
        self._count += 1
        self._running = self._count
        self._send({"id": self._count, "messages": messages, "options": options, **extra})

    def _ended(self, message: dict[str, Any]) -> dict[str, Any] | None:
        if "error" in message:
            self._running = 0
            raise TarotError(message["error"])
        if "done" in message:
            self._running = 0
            return message["done"]
        return None

    def _settle(self) -> None:
        """After an answer that was left early: wait until the child is ready for the next."""
        with suppress(TarotError):
            self.cancel()
            while self._running:
                self._ended(self._next(_GRACE))

    def _send(self, message: dict[str, Any]) -> None:
        try:
            if self._child is None:
                raise BrokenPipeError
            self._child.stdin.write(json.dumps(message) + "\n")
            self._child.stdin.flush()
        except OSError:
            self._running = 0
            raise TarotError(self._why()) from None

    def _next(self, timeout: float | None = None) -> dict[str, Any]:
        try:
            message = self._lines.get(timeout=timeout)
        except queue.Empty:
            self.close()
            message = None
        if message is None:
            self._running = 0
            raise TarotError(self._why())
        return message

    def _listen(self) -> None:
        # In a thread of its own: a Ctrl-C reaches the main thread only, and so never cuts a line in two.
        for line in self._child.stdout if self._child else ():
            with suppress(ValueError):
                self._lines.put(json.loads(line))
        self._lines.put(None)

    def _why(self) -> str:
        """One sentence on why the child is gone."""
        if self._child is None:
            return _("The model is no longer loaded.")
        code = self._child.wait()
        if code == -signal.SIGKILL:
            return _(
                "llama.cpp was killed, probably because memory ran out: try a smaller quantisation or num_ctx."
            )
        if code < 0:
            return _("llama.cpp crashed ({signal}) with {file}.").format(
                signal=signal.Signals(-code).name, file=self.gguf
            )
        return _("llama.cpp cannot use {file}: {reason}.").format(file=self.gguf, reason=self._last_error())

    def _last_error(self) -> str:
        size = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, size - 8192))
        lines = self._log.read().decode("utf-8", "replace").splitlines()
        # llama.cpp marks errors with an E after the time; the first of a cascade is the cause.
        errors = [line.partition(" E ")[2] for line in lines if " E " in line] or lines[-1:]
        return one_line(errors[0], 300).rstrip(".") if errors else _("no reason given")


def _known(options: dict[str, Any]) -> dict[str, Any]:
    if unknown := options.keys() - DEFAULTS.keys():
        raise BadInput(
            _("Unknown option '{name}'; there are {known}.").format(
                name=one_line(min(unknown), 40), known=", ".join(DEFAULTS)
            )
        )
    return {name: value for name, value in options.items() if value is not None}


def _checked_header(gguf: Path) -> dict[str, Any]:
    header = read_header(gguf)
    if not header.get("tokenizer.chat_template"):
        # llama.cpp would fall back to ChatML in silence, and the model would be asked in a language it never learned.
        raise BadInput(
            _("{file} holds no chat template, so it is not a chat model; export it from a run.").format(
                file=gguf
            )
        )
    return header

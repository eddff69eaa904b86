"""llama.cpp in a process of its own: ``python -m tarot_tui.serving.llama_child GGUF``.

JSON lines. From stdin: ``{"id": 1, "messages": […], "options": {…}}`` asks, ``{"cancel": 1}`` ends that answer early, and
the end of the input ends the process. To stdout: ``{"ready": true}`` once, then per question ``{"id": 1, "text": "…"}``
for each piece, and ``{"id": 1, "done": {…}}`` or ``{"id": 1, "error": "…"}``. Options have Ollama's names and are complete.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, TextIO

from tarot_tui.locale import _
from tarot_tui.text import one_line

#: Ollama's name → llama.cpp's, where they differ.
_NAMES = {"num_predict": "max_tokens"}


class _Model:
    """One loaded model; loaded anew when another context length is asked for."""

    def __init__(self, gguf: str) -> None:
        self.gguf = gguf
        self.num_ctx = 0
        self.server: Any = None

    def load(self, num_ctx: int) -> None:
        if num_ctx == self.num_ctx:
            return
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = self.gguf
        params.n_ctx = num_ctx
        params.n_parallel = 1
        params.warmup = False
        params.ui = False
        params.verbosity = 1  # errors only
        params.cache_ram_mib = 0  # no copies of earlier conversations beside the running one
        # The answer as the model gives it: thinking and would-be tool calls stay in the text.
        params.force_pure_content_parser = True
        params.reasoning_format = xllamacpp.common_reasoning_format.COMMON_REASONING_FORMAT_NONE
        self.server, self.num_ctx = None, 0  # one model in memory at a time
        with _nowhere() as address:
            params.hostnames = [address]
            self.server = xllamacpp.Server(params)
        self.num_ctx = num_ctx

    def answer(self, question: dict[str, Any], cancelled: threading.Event, tell: Any) -> dict[str, Any]:
        options = dict(question["options"])
        self.load(options.pop("num_ctx"))
        request = {_NAMES.get(name, name): value for name, value in options.items()}
        if (thinking := question.get("thinking")) is not None:
            request["chat_template_kwargs"] = {"enable_thinking": thinking}
        done: dict[str, Any] = {}

        def receive(chunk: dict[str, Any]) -> bool:
            if "error" in chunk:
                raise RuntimeError(_declined(chunk["error"]))
            for choice in chunk.get("choices") or []:
                if piece := choice["delta"].get("content"):
                    tell({"text": piece})
            if timings := chunk.get("timings"):
                done.update(
                    tokens=timings["predicted_n"],
                    seconds=timings["predicted_ms"] / 1000,
                    prompt_tokens=timings["prompt_n"] + timings["cache_n"],
                    prompt=(chunk.get("__verbose") or {}).get("prompt", ""),
                )
            return cancelled.is_set()

        # With return_progress the callback also runs while a long prompt is read, so that can be cancelled too.
        extra = {"stream": True, "return_progress": True, "verbose": bool(question.get("verbose"))}
        failed: list[BaseException] = []

        def guarded(chunk: dict[str, Any]) -> bool:
            # An exception must not travel through the C++ that calls us.
            try:
                return receive(chunk)
            except Exception as error:
                failed.append(error)
                return True

        self.server.handle_chat_completions({"messages": question["messages"], **request, **extra}, guarded)
        if failed:
            raise failed[0]
        return done


@contextlib.contextmanager
def _nowhere() -> Any:
    """An address nobody else can reach. llama.cpp's server insists on listening; we call it in process.

    It is a socket file in a folder of our own, gone as soon as the server is up. Relative, since such paths are short.
    """
    with tempfile.TemporaryDirectory(prefix="tarot-tui-") as folder:
        os.chdir(folder)
        try:
            yield "llama.sock"
        finally:
            os.chdir("/")


def _declined(error: dict[str, Any]) -> str:
    if error.get("type") == "exceed_context_size_error":
        return _(
            "The conversation has {tokens} tokens and the context holds {num_ctx}: start anew with /reset, "
            "or set another num_ctx."
        ).format(tokens=error.get("n_prompt_tokens"), num_ctx=error.get("n_ctx"))
    return _("llama.cpp: {words}").format(words=one_line(str(error.get("message")), 300))


def _listen(questions: queue.Queue[dict[str, Any]], cancelled: dict[int, threading.Event]) -> None:
    for line in sys.stdin:
        message = json.loads(line)
        if "cancel" in message:
            if event := cancelled.get(message["cancel"]):  # the answer may just have ended
                event.set()
        else:
            cancelled[message["id"]] = threading.Event()
            questions.put(message)
    # Whoever asked is gone. Nothing here is worth an orderly end, and a running answer would delay it.
    os._exit(0)


def main(gguf: str, num_ctx: int) -> None:
    """Serve until stdin ends."""
    out = _private_stdout()

    def tell(message: dict[str, Any]) -> None:
        print(json.dumps(message), file=out, flush=True)

    model = _Model(str(Path(gguf).absolute()))
    questions: queue.Queue[dict[str, Any]] = queue.Queue()
    cancelled: dict[int, threading.Event] = {}
    threading.Thread(target=_listen, args=(questions, cancelled), daemon=True).start()
    model.load(num_ctx)
    tell({"ready": True})
    while True:
        question = questions.get()
        number = question["id"]
        try:
            done = model.answer(question, cancelled[number], lambda m, n=number: tell({"id": n, **m}))
            tell({"id": number, "done": done})
        except Exception as error:
            tell({"id": number, "error": one_line(str(error), 400)})
        del cancelled[number]


def _private_stdout() -> TextIO:
    # What llama.cpp prints must not get between our lines: its stdout becomes our stderr, a file.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return out


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

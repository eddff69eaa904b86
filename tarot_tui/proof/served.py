"""What llama.cpp makes of the material: in a child process, since a crash or too little memory there must be a sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tarot_tui.errors import TarotError
from tarot_tui.locale import _
from tarot_tui.proof.judge import Position
from tarot_tui.proof.material import TOP, Material
from tarot_tui.text import one_line

#: An answer that was learned is shorter than this; one that rambles is cut.
NUM_PREDICT = 160


@dataclass(frozen=True)
class Served:
    """tokens: of each text. prompts: of each conversation. positions: of all samples, one after the other. answers."""

    tokens: list[list[int]]
    prompts: list[str]
    positions: list[Position]
    answers: list[str]


def ask(
    gguf: Path,
    material: Material,
    *,
    cheap: bool = False,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Served:
    """Let llama.cpp do the batch. cheap: only texts and conversations. Raises TarotError in its last words."""
    longest = max((len(one.tokens) for one in material.samples), default=0)
    request = {
        "texts": material.texts,
        "conversations": [one["messages"] for one in material.conversations],
        "samples": [] if cheap else [vars(one) for one in material.samples],
        "questions": [] if cheap else material.questions,
        "num_ctx": max(2048, longest + 64),
        "num_predict": NUM_PREDICT,
        "top": TOP,
    }
    with tempfile.TemporaryDirectory(prefix="tarot-tui-") as folder:
        asked, answered = Path(folder, "request.json"), Path(folder, "answer.json")
        asked.write_text(json.dumps(request), "utf-8")
        _run([str(gguf), str(asked), str(answered)], gguf, on_progress)
        found = json.loads(answered.read_text("utf-8"))
    positions = [
        Position({int(token): logprob for token, logprob in one.items()})
        for sample in found["positions"]
        for one in sample
    ]
    return Served(found["tokens"], found["prompts"], positions, found["answers"])


def _run(arguments: list[str], gguf: Path, on_progress: Callable[[int, int], None]) -> None:
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tarot_tui.proof.llama_batch", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=os.environ | {"GGML_NO_BACKTRACE": "1"},  # for which llama.cpp would start a debugger
        )
        try:
            for line in process.stdout or ():
                said = json.loads(line)
                on_progress(said["done"], said["total"])
        except BaseException:
            process.kill()
            raise
        finally:
            code = process.wait()
        if code:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 8192))
            lines = [line for line in log.read().decode("utf-8", "replace").splitlines() if line.strip()]
            raise TarotError(
                _("llama.cpp cannot use {file}: {reason}.").format(
                    file=gguf, reason=one_line(lines[-1], 300).rstrip(".") if lines else f"exit {code}"
                )
            )

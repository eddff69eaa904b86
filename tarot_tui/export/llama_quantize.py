"""llama.cpp's own ``llama-quantize``, for what our one pass does not make: IQ types, and whatever an importance matrix weighs.

It reads a whole 16-bit GGUF, so one is made first and lies on the disk beside the result until that is finished.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tarot_tui.errors import BadInput, Refused, TarotError
from tarot_tui.export import kquants
from tarot_tui.export.kquants import PLAIN, QUANTS
from tarot_tui.locale import _
from tarot_tui.text import one_line

_NAME = "llama-quantize"
_TENSOR = re.compile(r"^\[ *(\d+)/ *(\d+)\]")


@dataclass(frozen=True)
class Foreign:
    """A quantisation by llama-quantize's name in lower case; bits: a weight, on average.

    blind: whether it can be made without an importance matrix (``tensor_requires_imatrix`` in llama-quant.cpp).
    """

    bits: float
    blind: bool = False


FOREIGN = {
    "iq4_nl": Foreign(4.5, blind=True),
    "iq4_xs": Foreign(4.25, blind=True),
    "iq3_m": Foreign(3.66, blind=True),
    "iq3_s": Foreign(3.44, blind=True),
    "iq3_xs": Foreign(3.3),
    "iq3_xxs": Foreign(3.06),
    "iq2_m": Foreign(2.7),
    "iq2_s": Foreign(2.5),
    "iq2_xs": Foreign(2.31),
    "iq2_xxs": Foreign(2.06),
    "iq1_m": Foreign(1.75),
    "iq1_s": Foreign(1.56),
    "q2_k_s": Foreign(2.96),
}


def all_names() -> list[str]:
    """Every quantisation there is, ours first."""
    return [*QUANTS, *FOREIGN]


def foreign(quants: Iterable[str], imatrix: bool) -> list[str]:
    """Those of ``quants`` that llama-quantize makes: with an importance matrix all that it can weigh."""
    return [quant for quant in quants if quant in FOREIGN or (imatrix and quant not in PLAIN)]


def estimate(quant: str, shapes: Sequence[Sequence[int]]) -> int:
    """About how many bytes the tensors of a model take as ``quant``."""
    if quant in QUANTS:
        return kquants.estimate(QUANTS[quant], shapes)
    return int(kquants.estimate(QUANTS["q8_0"], shapes) * FOREIGN[quant].bits / 8.5)


def check(quants: Sequence[str], imatrix: Path | None) -> Path | None:
    """Find what making ``quants`` needs beside ourselves: the program, or None when nothing is.

    Raises BadInput for an importance matrix that is missing, Refused for a program that is.
    """
    if imatrix and not imatrix.is_file():
        raise BadInput(_("{file} does not exist.").format(file=one_line(str(imatrix))))
    wanted = foreign(quants, imatrix is not None)
    if not wanted:
        return None
    blindly = [quant for quant in wanted if quant in FOREIGN and not FOREIGN[quant].blind]
    if blindly and not imatrix:
        raise BadInput(
            _(
                "{quant} is only good with an importance matrix: make one of an f16 export with llama.cpp's "
                "llama-imatrix and give it as --imatrix FILE."
            ).format(quant=blindly[0])
        )
    program = find()
    if program is None:
        raise Refused(
            _(
                "{quant} is made by llama.cpp's llama-quantize, which is not here: install llama.cpp "
                "(github.com/ggml-org/llama.cpp/releases) or Ollama 0.30, or set LLAMA_CPP_DIR to its folder."
            ).format(quant=wanted[0])
        )
    return program


def find() -> Path | None:
    """llama-quantize: of the user's llama.cpp, on PATH, or beside Ollama, which ships one since 0.30."""
    places = []
    if checkout := os.environ.get("LLAMA_CPP_DIR"):
        root = Path(checkout).expanduser().absolute()
        places += [root / "build/bin", root / "bin", root]
    places += [Path(folder) for folder in os.get_exec_path()]
    ollama = shutil.which("ollama")
    prefixes = [Path(ollama).resolve().parents[1]] if ollama else []
    places += [prefix / "lib/ollama" for prefix in (*prefixes, Path("/usr/local"), Path("/usr"))]
    return next((place / _NAME for place in places if os.access(place / _NAME, os.X_OK)), None)


def quantise(
    program: Path,
    source: Path,
    target: Path,
    quant: str,
    *,
    imatrix: Path | None,
    threads: int,
    progress: Callable[[int, int], None],
) -> None:
    """Make ``target`` of the 16-bit GGUF ``source``. ``progress`` is called with tensors made and in all, and may raise.

    Raises TarotError with the program's last words when it fails.
    """
    weighed = ["--imatrix", str(imatrix)] if imatrix else []
    command = [str(program), *weighed, str(source), str(target), quant.upper(), str(threads)]
    last: deque[str] = deque(maxlen=5)
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    try:
        for line in process.stdout:
            if found := _TENSOR.match(line):
                progress(int(found[1]), int(found[2]))
            elif line.strip():
                last.append(line.strip())
        failed = process.wait()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    if failed or not target.is_file():
        reason = next((line for line in reversed(last) if "error" in line.lower()), last[-1] if last else "?")
        raise TarotError(
            _("llama-quantize could not make {quant}: {reason}").format(
                quant=quant, reason=one_line(reason, 200)
            )
        )

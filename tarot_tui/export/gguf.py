"""One pass: base safetensors + adapters → quantised GGUF files. No merged copy, no 16-bit file, bounded memory.

llama.cpp's ``conversion`` classes say what every tensor is called, how it is permuted and what the metadata is; they
are given lazy tensors that know how to read themselves merged. What they hand on unchanged or stacked is streamed by
rows; what they permute is made whole, one at a time. The result is, tensor by tensor, what merging with peft,
converting and quantising with llama.cpp gives. For a worker process: imports torch and transformers.
"""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from tarot_tui import __version__
from tarot_tui.errors import BadInput, Refused
from tarot_tui.export import blocks, converter
from tarot_tui.export.adapter import Weighted
from tarot_tui.export.disk import check_space
from tarot_tui.export.gguf_output import Output, Written
from tarot_tui.export.kquants import QUANTS, Type
from tarot_tui.export.lazy_source import Source
from tarot_tui.export.part_file import present
from tarot_tui.export.plan import planned
from tarot_tui.export.safetensors_file import encode
from tarot_tui.export.tokenizer_files import instead
from tarot_tui.locale import _
from tarot_tui.text import one_line

#: Batches that the threads quantise while the next one is read.
_AHEAD = 2


def write_ggufs(
    base: Path,
    adapters: Sequence[Weighted],
    targets: dict[str, Path],
    *,
    name: str,
    base_name: str = "",
    key: str = "",
    threads: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
    finished: Callable[[Written], None] = lambda written: None,
    say: Callable[[str], None] = print,
) -> list[Written]:
    """Write ``base`` with ``adapters`` merged in, once for every quantisation in ``targets``, in one read.

    name: of the result. base_name: of the base, where its folder's says nothing, as in the hub's cache. Each file
    appears under its name only when it is complete; ``finished`` is told of it then. An attempt that was
    ended, by whatever, is taken up behind its last finished tensor when ``key``, which says what the contents of
    base and adapters are, is the same. ``progress`` is called with bytes written and in all. Raises Refused for what
    cannot be exact, BadInput when the disk is too small, TarotError without the tools, OSError when the disk is full.
    """
    tool = converter.newest(say)
    converter.activate(tool)
    if not set(targets) <= {"f32", "f16", "bf16"}:
        blocks.check()
    import torch

    logging.getLogger("hf-to-gguf").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    with ExitStack() as stack, torch.inference_mode():
        checkpoint, plan, config = stack.enter_context(planned(base, adapters))
        tokenizer = instead(base, adapters[0].folder if adapters else None, resized=bool(plan.vocabulary))
        folder = stack.enter_context(converter.view(base, config, tokenizer, base_name))
        source = Source(checkpoint, plan)
        outputs: list[Output] = []
        for quant, path in targets.items():
            outputs.append(Output(QUANTS[quant], path, folder, source, name, next(iter(outputs), None)))
        total = sum(output.size for output in outputs)
        check_space(outputs[0].file.path.parent, total - sum(map(present, targets.values())))
        try:
            heads = [output.begin(_everything(key, tool)) for output in outputs]
            if kept := min(output.file.done for output in outputs):
                say(
                    _("Going on behind {done} of {all} tensors.").format(done=kept, all=len(outputs[0].infos))
                )
            _stream(outputs, source, threads, lambda done: progress(done, total + sum(heads)))
            return [_finish(output, finished) for output in outputs]
        except (Refused, BadInput):  # another attempt would come to the same
            for output in outputs:
                output.file.forget()
            raise
        finally:
            for output in outputs:
                output.file.close()


def _everything(key: str, tool: Path) -> str:
    """``key`` and whatever else decides which bytes come out."""
    try:
        quantiser = version("libgguf")
    except PackageNotFoundError:
        quantiser = ""
    return json.dumps([key, converter.version(tool), quantiser, __version__])


def _finish(output: Output, finished: Callable[[Written], None]) -> Written:
    output.file.finish()
    written = output.written()
    finished(written)
    output.file.forget()
    return written


def _stream(outputs: list[Output], source: Source, threads: int, progress: Callable[[int], None]) -> None:
    already = [output.file.done for output in outputs]
    with ThreadPoolExecutor(threads) as pool:
        pipe = _Pipe(pool, threads, lambda: progress(sum(output.file.position for output in outputs)))
        pipe.written()
        for index, name in enumerate(outputs[0].infos):
            wanting = [output for output, done in zip(outputs, already, strict=True) if index >= done]
            if not wanting:
                continue
            tensor = wanting[0].infos[name].tensor
            if isinstance(tensor, np.ndarray):  # made by the converter itself, already in its type
                for output in wanting:
                    pipe.put(output, [pool.submit(lambda made=output.infos[name].tensor: made)])
            else:
                for rows in source.rows(tensor):
                    for output in wanting:
                        pipe.put(output, pipe.quantise(name, rows, Type(output.infos[name].dtype)))
            for output in wanting:
                pipe.put(output, None)
                output.infos[name].tensor = None  # a tensor made whole is let go
        pipe.drain(0)


class _Pipe:
    """What is being quantised, in the order in which it is to be written."""

    def __init__(self, pool: ThreadPoolExecutor, threads: int, written: Callable[[], None]) -> None:
        self._pool, self._threads, self.written = pool, threads, written
        self._waiting: deque[tuple[Output, list[Future[np.ndarray]] | None]] = deque()

    def quantise(self, name: str, rows: np.ndarray, kind: Type) -> list[Future[np.ndarray]]:
        """Give ``rows`` to the threads, a part to each."""
        parts = np.array_split(rows, min(len(rows), self._threads))
        return [self._pool.submit(_stored, name, part, kind) for part in parts]

    def put(self, output: Output, parts: list[Future[np.ndarray]] | None) -> None:
        """Append parts of a tensor, or None for its end; writes what is before them and ready."""
        self._waiting.append((output, parts))
        self.drain(_AHEAD)

    def drain(self, ahead: int) -> None:
        """Write until at most ``ahead`` entries are left."""
        while len(self._waiting) > ahead:
            output, parts = self._waiting.popleft()
            if parts is None:
                output.pad()
            else:
                for part in parts:
                    output.write(part.result())
            self.written()


def _stored(name: str, rows: np.ndarray, kind: Type) -> np.ndarray:
    """Rows of float32 (n, width) as elements or blocks of ``kind``."""
    if kind is Type.F32:
        return rows
    if kind in (Type.F16, Type.BF16):
        stored = encode(rows, kind.name)
        if kind is Type.F16 and not np.isfinite(stored).all():
            raise Refused(
                _("'{tensor}' holds a value too large for float16; export bf16 or q8_0 instead.").format(
                    tensor=one_line(name)
                )
            )
        return stored
    return blocks.quantise(rows, kind)

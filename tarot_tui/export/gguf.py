"""One pass: base safetensors + adapter → quantised GGUF files. No merged copy, no 16-bit file, bounded memory.

llama.cpp's ``conversion`` classes say what every tensor is called, how it is permuted and what the metadata is; they
are given lazy tensors that know how to read themselves merged. What they hand on unchanged is streamed by rows; what
they permute or stack is made whole, one at a time. The result is, tensor by tensor, what merging with peft,
converting and quantising with llama.cpp gives. For a worker process: imports torch and transformers.
"""

from __future__ import annotations

import copy
import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tarot_tui.errors import Refused, TarotError
from tarot_tui.export import converter, kquants
from tarot_tui.export.adapter import Weighted
from tarot_tui.export.chat_template import chat_template
from tarot_tui.export.disk import check_space
from tarot_tui.export.kquants import PLAIN, QUANTS, Quant, Type
from tarot_tui.export.plan import Plan, planned
from tarot_tui.export.rows import CHUNK, MergedTensor
from tarot_tui.export.safetensors_file import FLOATS, Checkpoint, encode
from tarot_tui.export.template import trained_without_bos
from tarot_tui.locale import _
from tarot_tui.project import replacing
from tarot_tui.text import one_line

#: float32 bytes quantised at a time; several chunks of the merge, so that every thread has rows to work on.
_BATCH = 8 * CHUNK


@dataclass(frozen=True)
class Written:
    """One finished GGUF: its sha256 (Ollama's blob digest), bytes, tensors, and how many of them were too narrow.

    adds_bos: what it tells llama.cpp about putting a BOS before every prompt; None when it says nothing.
    """

    quant: str
    path: Path
    sha256: str
    size: int
    tensors: int
    narrow: int
    adds_bos: bool | None


def write_ggufs(
    base: Path,
    adapters: Sequence[Weighted],
    targets: dict[str, Path],
    *,
    name: str,
    threads: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
    say: Callable[[str], None] = print,
) -> list[Written]:
    """Write ``base`` with ``adapters`` merged in, once for every quantisation in ``targets``, in one read.

    Each file appears under its name only when it is complete. ``progress`` is called with bytes written and in all.
    Raises Refused for what cannot be exact, BadInput when the disk is too small, TarotError without the tools.
    """
    converter.activate(converter.fetch(say))
    _need_libgguf(targets)
    import torch

    logging.getLogger("hf-to-gguf").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    with ExitStack() as stack, torch.inference_mode():
        checkpoint, plan, config = stack.enter_context(planned(base, adapters))
        tokenizer = adapters[0].folder if plan.vocabulary else None
        folder = stack.enter_context(converter.view(base, config, tokenizer))
        source = _Source(checkpoint, plan)
        outputs: list[_Output] = []
        for quant, path in targets.items():
            outputs.append(
                _Output(QUANTS[quant], path, folder, source, name, outputs[0] if outputs else None)
            )
        total = sum(output.size for output in outputs)
        check_space(outputs[0].path.parent, total)
        pool = stack.enter_context(ThreadPoolExecutor(threads))
        temporary = ExitStack()
        with temporary:
            for output in outputs:
                output.begin(temporary.enter_context(replacing(output.path)))
            total += sum(output.position for output in outputs)
            _stream(outputs, source, pool, lambda done: progress(done, total))
            for output in outputs:
                output.end()
        return [output.written() for output in outputs]


def _need_libgguf(targets: dict[str, Path]) -> None:
    if set(targets) <= {"f16", "bf16"}:
        return
    try:
        import libgguf  # noqa: F401
    except ImportError:
        raise TarotError(
            _("Quantising needs libgguf: install it with 'pip install tarot-tui[export]'.")
        ) from None


class _Source:
    """The merged model as lazy tensors for the converter's classes."""

    def __init__(self, checkpoint: Checkpoint, plan: Plan) -> None:
        names = [name for name in (*checkpoint, *plan.added) if checkpoint[plan.source(name)].dtype in FLOATS]
        self.tensors = {name: MergedTensor(name, checkpoint, plan) for name in names}
        self.changed = set(plan.changes)

    def give_to(self, model: Any) -> None:
        """Replace the tensors that ``model`` found in the base by the merged ones.

        Raises Refused when the converter leaves out a tensor that the adapter changes.
        """
        reached = set()
        for name in self.tensors:
            kept = model.filter_tensors((name, lambda name=name: self._lazy(name)))
            if kept and (kept[0] in model.model_tensors or name in self.changed):
                model.model_tensors[kept[0]] = kept[1]
                reached.add(name)
        if lost := sorted(self.changed - reached):
            raise Refused(
                _(
                    "The adapter changes '{tensor}', which a GGUF of this model does not hold; use '--merge'."
                ).format(tensor=one_line(lost[0]))
            )

    def _lazy(self, name: str) -> Any:
        import torch
        from conversion import LazyTorchTensor

        shape = self.tensors[name].shape
        meta = LazyTorchTensor.meta_with_dtype_and_shape(torch.float32, shape)
        lazy = LazyTorchTensor(meta=meta, args=(name,), func=self._whole)
        lazy.streamed_from = name  # survives only while nothing has been done to the tensor
        return lazy

    def _whole(self, name: str) -> Any:
        import torch

        tensor = self.tensors[name]
        values = np.empty((tensor.rows, tensor.columns), np.float32)
        for first, rows in tensor.rounded(_BATCH):
            values[first : first + len(rows)] = rows
        return torch.from_numpy(values.reshape(tensor.shape))


class _Output:
    """One GGUF on its way: the converter's object and writer, the chosen types, then the open file."""

    def __init__(
        self, quant: Quant, path: Path, folder: Path, source: _Source, name: str, first: _Output | None
    ) -> None:
        import gguf

        self.quant, self.path = quant, path
        kind, settings = converter.model_class(folder)
        start = quant.file_type if quant.name in PLAIN else QUANTS["bf16"].file_type
        self.model = kind(folder, gguf.LlamaFileType(start), path, hparams=settings, model_name=name)
        source.give_to(self.model)
        self.model.prepare_tensors()
        self.model.ftype = gguf.LlamaFileType(quant.file_type)
        if first:  # reading a vocabulary takes seconds, and only one number is another
            self.model.gguf_writer.kv_data = copy.deepcopy(first.model.gguf_writer.kv_data)
            self.model.gguf_writer.kv_data[0]["general.file_type"].value = quant.file_type
        else:
            self._metadata(folder)
        self.infos = dict(sorted(self.model.gguf_writer.tensors[0].items(), key=lambda item: _order(item[0])))
        self.narrow = 0 if quant.name in PLAIN else self._choose()
        self.model.gguf_writer.tensors[0] = self.infos
        self.size = sum(_padded(info.nbytes) for info in self.infos.values())

    def _metadata(self, folder: Path) -> None:
        try:
            self.model.prepare_metadata(vocab_only=False)
        except Exception as error:  # whatever a foreign tokenizer makes the converter raise
            raise converter.refuse_tokenizer(error) from error
        if chat_template(folder) and not self.value("tokenizer.chat_template"):
            raise TarotError(_("The chat template was lost on the way into the GGUF; nothing was exported."))
        # A prompt is what the chat template makes of a conversation: the runtime must not put a BOS before it that was
        # not there in training. Some tokenizers (Zephyr's, TinyLlama's) ask for one that their template does not print.
        if trained_without_bos(folder):
            self.model.gguf_writer.kv_data[0].pop("tokenizer.ggml.add_bos_token", None)
            self.model.gguf_writer.add_add_bos_token(False)

    def value(self, key: str, default: Any = None) -> Any:
        """One metadata value as it will be written."""
        found = self.model.gguf_writer.kv_data[0].get(key)
        return default if found is None else found.value

    def _choose(self) -> int:
        architecture = self.model.gguf_writer.arch
        heads = self.value(f"{architecture}.attention.head_count", 0)
        model = kquants.Model(
            blocks=self.model.block_count,
            experts=self.value(f"{architecture}.expert_count", 0),
            heads=heads if isinstance(heads, int) else 0,
            key_value_heads=self.value(f"{architecture}.attention.head_count_kv", heads),
            architecture=architecture,
        )
        ours = [
            (name, info.shape, Type(info.dtype))
            for name, info in self.infos.items()
            if info.dtype in list(Type)
        ]
        choice = kquants.choose(self.quant, ours, model)
        for name, kind in choice.types.items():
            self._retype(name, kind)
        return choice.narrow

    def _retype(self, name: str, kind: Type) -> None:
        import gguf

        info = self.infos[name]
        if isinstance(info.tensor, np.ndarray) and kind is not Type(info.dtype):
            raise Refused(
                _(
                    "The converter makes '{tensor}' up by itself, so it cannot be quantised; use f16 or q8_0."
                ).format(tensor=one_line(name))
            )
        info.dtype = gguf.GGMLQuantizationType(kind)
        info.nbytes = kquants.size(kind, info.shape)

    def begin(self, part: Path) -> None:
        """Write header, metadata and tensor list to ``part`` and stay open for the data."""
        writer = self.model.gguf_writer
        writer.write_header_to_file(path=part)
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        writer.close()
        self.file = open(part, "r+b")  # noqa: SIM115  closed by end()
        self.hash = hashlib.sha256()
        while block := self.file.read(CHUNK):
            self.hash.update(block)
        self.position = self.file.tell()
        self.pad()

    def write(self, data: np.ndarray) -> None:
        """Append elements as they are."""
        raw = memoryview(np.ascontiguousarray(data)).cast("B")
        self.file.write(raw)
        self.hash.update(raw)
        self.position += len(raw)

    def pad(self) -> None:
        """Zeros up to the alignment of tensor data."""
        zeros = bytes(_padded(self.position) - self.position)
        self.file.write(zeros)
        self.hash.update(zeros)
        self.position += len(zeros)

    def end(self) -> None:
        """Close the file."""
        self.file.close()

    def written(self) -> Written:
        """What was made."""
        adds_bos = self.value("tokenizer.ggml.add_bos_token")
        return Written(
            self.quant.name,
            self.path,
            self.hash.hexdigest(),
            self.position,
            len(self.infos),
            self.narrow,
            adds_bos,
        )


def _stream(
    outputs: list[_Output], source: _Source, pool: ThreadPoolExecutor, progress: Callable[[int], None]
) -> None:
    for name in outputs[0].infos:
        infos = [output.infos[name] for output in outputs]
        if isinstance(infos[0].tensor, np.ndarray):  # made by the converter itself, already in its type
            for output, info in zip(outputs, infos, strict=True):
                output.write(info.tensor)
        else:
            for rows in _rows(infos[0].tensor, source):
                for output, info in zip(outputs, infos, strict=True):
                    output.write(_stored(name, rows, Type(info.dtype), pool))
                progress(sum(output.position for output in outputs))
        for output, info in zip(outputs, infos, strict=True):
            output.pad()
            info.tensor = None  # a tensor made whole is let go


def _rows(lazy: Any, source: _Source) -> Iterator[np.ndarray]:
    """The float32 rows of a lazy tensor, before the converter's own quantisation of it."""
    import gguf
    from conversion import LazyTorchTensor

    while isinstance(lazy, gguf.LazyNumpyTensor):
        lazy = next(argument for argument in lazy._args if isinstance(argument, gguf.LazyBase))
    if name := getattr(lazy, "streamed_from", None):
        for _first, rows in source.tensors[name].rounded(_BATCH):
            yield rows
        return
    values = LazyTorchTensor.to_eager(lazy).float().numpy()
    values = np.ascontiguousarray(values).reshape(-1, values.shape[-1])
    step = max(1, _BATCH // (4 * values.shape[1]))
    for first in range(0, len(values), step):
        yield values[first : first + step]


def _stored(name: str, rows: np.ndarray, kind: Type, pool: ThreadPoolExecutor) -> np.ndarray:
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
    import libgguf

    parts = np.array_split(rows, min(len(rows), pool._max_workers))
    return np.concatenate(list(pool.map(lambda part: libgguf.quantize_rows(part, int(kind)), parts)))


def _order(name: str) -> tuple[int, str]:
    """llama.cpp's order of tensors, which its quantisation rules count along: layers, then names."""
    parts = name.split(".")
    return (int(parts[1]) if parts[0] == "blk" and parts[1].isdecimal() else -1, name)


def _padded(count: int, alignment: int = 32) -> int:
    """``count`` rounded up to GGUF's alignment (``general.alignment``, 32 unless said otherwise)."""
    return count + -count % alignment

"""Base + adapter → a merged Hugging Face folder, by row chunks: memory does not grow with the model.

Shards mirror those of the base. What the adapter leaves alone is copied inside the kernel. Needs numpy only, so that
a worker that merges stays small.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import struct
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tarot_tui.export.adapter import Weighted, read_json
from tarot_tui.export.plan import Plan, planned
from tarot_tui.export.rows import MergedTensor
from tarot_tui.export.safetensors_file import INDEX, Checkpoint, SafetensorsFile
from tarot_tui.project import replacing, write_text

_WEIGHTS = {".safetensors", ".bin", ".pt", ".pth", ".gguf", ".onnx", ".h5", ".msgpack"}
_TOKENIZER = ("tokenizer", "special_tokens_map", "added_tokens", "chat_template", "vocab", "merges")
_COPY = 32 << 20
_CANNOT = (errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


def merge(
    base: Path,
    adapters: Sequence[Weighted],
    target: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Plan:
    """Write ``base`` with ``adapters`` merged in to the folder ``target``, and return what was done.

    Each file appears under its name only when it is complete. ``progress`` is called with bytes written and in all.
    Raises Refused for what cannot be merged exactly, BadInput for files that are missing.
    """
    with planned(base, adapters) as (checkpoint, plan, config):
        target.mkdir(parents=True, exist_ok=True)
        shards = _layout(checkpoint, plan)
        merged = partial(MergedTensor, base=checkpoint, plan=plan)
        total = sum(merged(name).size for names in shards.values() for name in names)
        meter = _Meter(progress, total)
        for shard, names in shards.items():
            with replacing(target / shard) as part:
                # Made anew for header and data: a mixture of experts has tens of thousands of tensors.
                _write_header(part, checkpoint.files[shard], map(merged, names))
                _write_data(part, checkpoint.files[shard], map(merged, names), meter)
        _write_index(target, checkpoint, shards, total)
        _carry(base, target)
        if plan.vocabulary and adapters:
            _carry(adapters[0].folder, target, only=_TOKENIZER)
        if config != read_json(base / "config.json"):
            write_text(target / "config.json", json.dumps(config, ensure_ascii=False, indent=2) + "\n")
        return plan


class _Meter:
    def __init__(self, progress: Callable[[int, int], None], total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def advance(self, count: int) -> None:
        self._done += count
        self._progress(self._done, self._total)


def _layout(checkpoint: Checkpoint, plan: Plan) -> dict[str, list[str]]:
    """The tensors of every shard, in the base's order; an added one follows in the shard it comes from."""
    shards = {name: list(file.tensors) for name, file in checkpoint.files.items()}
    for added in plan.added:
        shards[checkpoint.where[plan.source(added)].path.name].append(added)
    return shards


def _write_header(part: Path, source: SafetensorsFile, tensors: Iterable[MergedTensor]) -> None:
    def entry(name: str, value: dict[str, Any]) -> bytes:
        return f"{json.dumps(name)}:{json.dumps(value, separators=(',', ':'))}".encode()

    position = 0
    with open(part, "r+b") as file:
        file.seek(8)
        file.write(b"{" + entry("__metadata__", source.metadata or {"format": "pt"}))
        for tensor in tensors:
            offsets = [position, position + tensor.size]
            place = {"dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": offsets}
            file.write(b"," + entry(tensor.name, place))
            position += tensor.size
        file.write(b"}")
        file.write(b" " * (-file.tell() % 8))
        length = file.tell() - 8
        file.seek(0)
        file.write(struct.pack("<Q", length))


def _write_data(part: Path, source: SafetensorsFile, tensors: Iterable[MergedTensor], meter: _Meter) -> None:
    with open(part, "r+b", buffering=0) as file:
        file.seek(0, os.SEEK_END)
        for tensor in tensors:
            if tensor.untouched:
                _copy(source, tensor.source.start, file.fileno(), tensor.size, meter)
                continue
            for _first, values in tensor.chunks():
                data = memoryview(tensor.encoded(values)).cast("B")
                _write_all(file.fileno(), data)
                meter.advance(len(data))


def _copy(source: SafetensorsFile, start: int, target: int, count: int, meter: _Meter) -> None:
    """Append ``count`` bytes of ``source`` from ``start``: in the kernel, by what the file systems can do there."""
    ways = [_by_range, _by_sendfile, _by_hand]
    while count:
        try:
            moved = ways[0](source, start, target, min(count, _COPY))
        except OSError as error:
            if len(ways) == 1 or error.errno not in _CANNOT:
                raise
            moved = 0
        if not moved:
            ways.pop(0)
        start += moved
        count -= moved
        meter.advance(moved)


def _by_range(source: SafetensorsFile, start: int, target: int, count: int) -> int:
    return os.copy_file_range(source.descriptor, target, count, offset_src=start)


def _by_sendfile(source: SafetensorsFile, start: int, target: int, count: int) -> int:
    return os.sendfile(target, source.descriptor, start, count)


def _by_hand(source: SafetensorsFile, start: int, target: int, count: int) -> int:
    data = source.bytes_at(start, min(count, 1 << 20))
    _write_all(target, memoryview(data))
    return len(data)


def _write_all(target: int, data: memoryview) -> None:
    while data:
        data = data[os.write(target, data) :]


def _write_index(target: Path, checkpoint: Checkpoint, shards: dict[str, list[str]], total: int) -> None:
    if not (checkpoint.folder / INDEX).is_file():
        return
    metadata = read_json(checkpoint.folder / INDEX).get("metadata") or {}
    weight_map = {tensor: shard for shard, names in shards.items() for tensor in names}
    index = {"metadata": {**metadata, "total_size": total}, "weight_map": dict(sorted(weight_map.items()))}
    write_text(target / INDEX, json.dumps(index, indent=2) + "\n")


def _carry(source: Path, target: Path, only: tuple[str, ...] = ("",)) -> None:
    """Copy the small files beside the weights: settings, tokenizer, chat template, licence; its card is the base's own."""
    for path in sorted(source.iterdir()):
        wanted = path.name.startswith(only) and not path.name.startswith(".")
        if (
            wanted
            and path.is_file()
            and path.suffix not in _WEIGHTS
            and path.name != "README.md"
            and not path.name.endswith(".index.json")
        ):
            with replacing(target / path.name) as part:
                shutil.copyfile(path, part)

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
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

from tarot_tui.export.adapter import Weighted, read_json
from tarot_tui.export.plan import Plan, planned
from tarot_tui.export.rows import MergedTensor
from tarot_tui.export.safetensors_file import INDEX, Checkpoint, SafetensorsFile
from tarot_tui.export.tokenizer_files import instead, is_one
from tarot_tui.project import replacing, write_text

_WEIGHTS = {".safetensors", ".bin", ".pt", ".pth", ".gguf", ".onnx", ".h5", ".msgpack"}
_COPY = 32 << 20


def merge(
    base: Path,
    adapters: Sequence[Weighted],
    target: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
    threads: int = 1,
) -> Plan:
    """Write ``base`` with ``adapters`` merged in to the folder ``target``, and return what was done.

    Each file appears under its name only when it is complete. ``progress`` is called with bytes written and in all,
    by one thread at a time. threads: how many tensors are written at once.
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
                start = _write_header(part, checkpoint.files[shard], map(merged, names))
                _write_data(part, start, checkpoint.files[shard], map(merged, names), meter, threads)
        _write_index(target, checkpoint, shards, total)
        tokenizer = instead(base, adapters[0].folder if adapters else None, resized=bool(plan.vocabulary))
        _carry(base, target, lambda name: not (tokenizer and name.startswith("chat_template")))
        if tokenizer:
            _carry(tokenizer, target, is_one)
        if config != read_json(base / "config.json"):
            write_text(target / "config.json", json.dumps(config, ensure_ascii=False, indent=2) + "\n")
        return plan


class _Meter:
    def __init__(self, progress: Callable[[int, int], None], total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0
        self._lock = Lock()

    def advance(self, count: int) -> None:
        with self._lock:
            self._done += count
            self._progress(self._done, self._total)


def _layout(checkpoint: Checkpoint, plan: Plan) -> dict[str, list[str]]:
    """The tensors of every shard, in the base's order; an added one follows in the shard it comes from."""
    shards = {name: list(file.tensors) for name, file in checkpoint.files.items()}
    for added in plan.added:
        shards[checkpoint.where[plan.source(added)].path.name].append(added)
    return shards


def _write_header(part: Path, source: SafetensorsFile, tensors: Iterable[MergedTensor]) -> int:
    """Write all but the data, make room for that, and return where it begins."""

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
        start = file.tell()
        file.seek(0)
        file.write(struct.pack("<Q", start - 8))
        file.truncate(start + position)
    return start


def _write_data(
    part: Path,
    start: int,
    source: SafetensorsFile,
    tensors: Iterable[MergedTensor],
    meter: _Meter,
    threads: int,
) -> None:
    def placed() -> Iterator[tuple[int, MergedTensor]]:
        position = start
        for tensor in tensors:
            yield position, tensor
            position += tensor.size

    def write(place: tuple[int, MergedTensor]) -> None:
        position, tensor = place
        if tensor.untouched:
            _copy(source, tensor.source.start, file.fileno(), position, tensor.size, meter)
            return
        for _first, values in tensor.chunks():
            data = memoryview(tensor.encoded(values)).cast("B")
            _write_all(file.fileno(), data, position)
            position += len(data)
            meter.advance(len(data))

    with open(part, "r+b", buffering=0) as file:
        _each(write, placed(), threads)


def _each(work: Callable[[Any], None], items: Iterator[Any], threads: int) -> None:
    """Do ``work`` on every item, on as many threads; the first failure ends it and is raised."""
    lock = Lock()
    failures: list[BaseException] = []

    def drain() -> None:
        while not failures:
            with lock:
                item = next(items, None)
            if item is None:
                return
            try:
                work(item)
            except BaseException as failure:
                failures.append(failure)

    with ThreadPoolExecutor(threads) as pool:
        for _thread in range(threads - 1):
            pool.submit(drain)
        drain()
    if failures:
        raise failures[0]


def _copy(source: SafetensorsFile, start: int, target: int, position: int, count: int, meter: _Meter) -> None:
    """Copy ``count`` bytes of ``source`` from ``start`` to ``position``; in the kernel where the file systems can."""
    in_kernel = True
    while count:
        wanted, moved = min(count, _COPY), 0
        if in_kernel:
            try:
                moved = os.copy_file_range(source.descriptor, target, wanted, start, position)
            except OSError as error:
                if error.errno not in (errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL):
                    raise
            in_kernel = moved > 0
        if not in_kernel:
            moved = min(wanted, 1 << 20)
            _write_all(target, memoryview(source.bytes_at(start, moved)), position)
        start += moved
        position += moved
        count -= moved
        meter.advance(moved)


def _write_all(target: int, data: memoryview, position: int) -> None:
    while data:
        written = os.pwrite(target, data, position)
        data, position = data[written:], position + written


def _write_index(target: Path, checkpoint: Checkpoint, shards: dict[str, list[str]], total: int) -> None:
    if not (checkpoint.folder / INDEX).is_file():
        return
    metadata = read_json(checkpoint.folder / INDEX).get("metadata") or {}
    weight_map = {tensor: shard for shard, names in shards.items() for tensor in names}
    index = {"metadata": {**metadata, "total_size": total}, "weight_map": dict(sorted(weight_map.items()))}
    write_text(target / INDEX, json.dumps(index, indent=2) + "\n")


def _carry(source: Path, target: Path, wants: Callable[[str], bool]) -> None:
    """Copy the small files beside the weights: settings, tokenizer, chat template, licence; its card is the base's own."""
    for path in sorted(source.iterdir()):
        wanted = wants(path.name) and not path.name.startswith(".")
        if (
            wanted
            and path.is_file()
            and path.suffix not in _WEIGHTS
            and path.name != "README.md"
            and not path.name.endswith(".index.json")
        ):
            with replacing(target / path.name) as part:
                shutil.copyfile(path, part)

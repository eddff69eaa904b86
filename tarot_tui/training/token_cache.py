"""Tokenised datasets, kept in ``.tarot/tokens/`` so that a plan, the next plan and the training tokenise once.

One file a dataset and tokenizer, named by a sha256 over all that its contents rest on: the conversations, every file
of the tokenizer and what renders and tokenises. It may be deleted at any time. A file is one line of JSON (``samples``,
``tokens``, ``crc32`` of the rest), and behind it, little-endian: for each sample its number of tokens (4 bytes) and
whether it ends with a special token (1 byte); for each token its id, or, where it is not learned, its complement (4).
"""

from __future__ import annotations

import hashlib
import json
import os
import time
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tarot_tui.project import Project, replacing
from tarot_tui.training import encode
from tarot_tui.training.encode import IGNORED, Sample

#: Of these the oldest go first.
_MOST_FILES, _MOST_BYTES = 16, 2_000_000_000
#: What a tokenizer is read from; ``config.json`` names its class where nothing else does.
_TOKENIZER = ("*token*", "*.jinja", "vocab*", "merges*", "config.json", "chat_templates/*")
_MAKERS = ("tokenizers", "transformers", "jinja2")


def cached(
    project: Project, base: Path, dataset_sha256: str, make: Callable[[], Iterable[Sample]]
) -> list[Sample]:
    """The whole samples (nothing cut) of a dataset for the tokenizer in ``base``: as kept, or as ``make`` makes them."""
    path = project.state / "tokens" / f"{_key(base, dataset_sha256)}.bin"
    if (found := _read(path)) is not None:
        with suppress(OSError):
            os.utime(path)
        return found
    made = list(make())
    # A full or read-only disk only means that it is done again.
    with suppress(OSError):
        _write(path, made)
        _forget_oldest(path.parent)
    return made


def _key(base: Path, dataset_sha256: str) -> str:
    digest = hashlib.sha256(f"1 {dataset_sha256} {_versions()}".encode())
    digest.update(Path(encode.__file__).read_bytes())
    for path in sorted({path for pattern in _TOKENIZER for path in base.glob(pattern) if path.is_file()}):
        contents = path.read_bytes()
        digest.update(f"{path.relative_to(base)} {len(contents)} ".encode() + contents)
        if b"strftime_now" in contents:  # a template that says today's date
            digest.update(time.strftime("%Y-%m-%d").encode())
    return digest.hexdigest()


def _versions() -> str:
    found = []
    for name in _MAKERS:
        with suppress(PackageNotFoundError):
            found.append(f"{name} {version(name)}")
    return ", ".join(found)


def _write(path: Path, samples: list[Sample]) -> None:
    import numpy as np

    lengths = np.array([sample.length for sample in samples], "<u4")
    ends = np.array([sample.ends for sample in samples], "u1")
    ids = np.fromiter((token for sample in samples for token in sample.input_ids), "<i4", int(lengths.sum()))
    labels = np.fromiter((label for sample in samples for label in sample.labels), "<i4", len(ids))
    body = lengths.tobytes() + ends.tobytes() + np.where(labels == IGNORED, ~ids, ids).astype("<i4").tobytes()
    head = {"samples": len(samples), "tokens": len(ids), "crc32": zlib.crc32(body)}
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as part:
        part.write_bytes(json.dumps(head).encode() + b"\n" + body)


def _read(path: Path) -> list[Sample] | None:
    """The samples; None when there is no such file, or not all of it."""
    import numpy as np

    try:
        head, newline, body = path.read_bytes().partition(b"\n")
        facts = json.loads(head) if newline else {}
        samples, tokens = int(facts["samples"]), int(facts["tokens"])
        if len(body) != 5 * samples + 4 * tokens or zlib.crc32(body) != facts["crc32"]:
            return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    lengths = np.frombuffer(body, "<u4", samples)
    ends = np.frombuffer(body, "u1", samples, 4 * samples).tolist()
    marked = np.frombuffer(body, "<i4", tokens, 5 * samples)
    learned = marked >= 0
    ids = np.where(learned, marked, ~marked)
    labels = np.where(learned, marked, IGNORED)
    found, begin = [], 0
    for length, end in zip(lengths.tolist(), ends, strict=True):
        stop = begin + length
        first = int(learned[begin:stop].argmax()) if learned[begin:stop].any() else length
        found.append(
            Sample(ids[begin:stop].tolist(), labels[begin:stop].tolist(), length, first, 0, bool(end))
        )
        begin = stop
    return found


def _forget_oldest(folder: Path) -> None:
    kept, size = 0, 0
    for path in sorted(folder.glob("*.bin"), key=lambda path: path.stat().st_mtime, reverse=True):
        kept, size = kept + 1, size + path.stat().st_size
        if kept > 1 and (kept > _MOST_FILES or size > _MOST_BYTES):
            path.unlink()

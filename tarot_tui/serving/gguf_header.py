"""The few things about a GGUF file that must be known before llama.cpp is asked to load it.

The format: ggml/docs/gguf.md. Files come from anywhere, so every length is checked before it is believed.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, BinaryIO

from tarot_tui.errors import BadInput
from tarot_tui.locale import _

_STRING, _ARRAY = 8, 9
# Value type → struct format, for the types of fixed size.
_FIXED = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<?",
    10: "<Q",
    11: "<q",
    12: "<d",
}


def read_header(path: Path) -> dict[str, Any]:
    """The metadata of a GGUF file; arrays (vocabularies) are left out.

    Raises BadInput when the file is missing, is no GGUF, or ends too early.
    """
    try:
        with open(path, "rb") as file:
            return _Reader(file, path.stat().st_size).metadata()
    except OSError as error:
        raise BadInput(
            _("{file} cannot be read: {reason}.").format(file=path, reason=error.strerror)
        ) from None
    except (ValueError, struct.error, UnicodeDecodeError):
        raise BadInput(_("{file} is not a GGUF file, or is damaged.").format(file=path)) from None


class _Reader:
    def __init__(self, file: BinaryIO, size: int) -> None:
        self.file, self.size = file, size

    def metadata(self) -> dict[str, Any]:
        if self.file.read(4) != b"GGUF" or self.number("<I") not in (2, 3):
            raise ValueError
        self.number("<Q")  # how many tensors
        found = {}
        for _index in range(self.number("<Q")):
            key = self.string()
            kind = self.number("<I")
            if kind == _ARRAY:
                self.skip_array()
            else:
                found[key] = self.string() if kind == _STRING else self.number(self.fixed(kind))
        return found

    def skip_array(self) -> None:
        kind, count = self.number("<I"), self.number("<Q")
        if kind == _STRING:
            for _index in range(count):
                self.forward(self.number("<Q"))
        else:
            self.forward(count * struct.calcsize(self.fixed(kind)))

    def fixed(self, kind: int) -> str:
        if kind not in _FIXED:
            raise ValueError
        return _FIXED[kind]

    def string(self) -> str:
        return self.take(self.number("<Q")).decode("utf-8")

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def take(self, count: int) -> bytes:
        if count > self.size:
            raise ValueError
        data = self.file.read(count)
        if len(data) != count:
            raise ValueError
        return data

    def forward(self, count: int) -> None:
        if self.file.tell() + count > self.size:
            raise ValueError
        self.file.seek(count, 1)

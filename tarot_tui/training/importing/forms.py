"""The three forms in which people keep LLaMA-Factory's arguments, read into one mapping of them.

Its YAML file, what its web page saves (``llamaboard_config``: the page's elements, not the arguments), and a command line,
as its page prints it and tutorials show it.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field
from typing import Any, Literal

from tarot_tui.errors import BadInput
from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.text import one_line
from tarot_tui.training.importing.names import BOARD, STAGES, SWITCHED

Form = Literal["yaml", "board", "command"]

_PROGRAM = re.compile(r"(?:^|[\s/])(?:llamafactory-cli|lmf|accelerate|torchrun|deepspeed|python[\d.]*)\b")
_SCRIPT = re.compile(r"(?:^|/)(?:train(?:_bash)?\.py|launcher\.py)$")
_ENVIRONMENT = re.compile(r"[A-Z][A-Z0-9_]*=")
#: What ends a line that goes on: of a POSIX shell, PowerShell, and cmd.
_GOES_ON = ("\\", "`", "^")


@dataclass
class Given:
    """args: LLaMA-Factory's argument → its value, None for one without. launcher: the words in front of the training
    script, and variables set for it. findings: what was wrong with the form itself."""

    form: Form
    args: dict[str, Any]
    launcher: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def read(text: str, where: str) -> Given:
    """``text`` in whichever form it is. Raises BadInput that names ``where`` when it is none of them."""
    text = text.removeprefix("\ufeff")
    if _is_command(text):
        return _command(text, where)
    found = _mapping(text, where)
    if any(str(key).startswith(("top.", "train.")) for key in found):
        return Given("board", _board(found, where))
    return Given("yaml", {str(key): _value(value) for key, value in found.items()})


def _is_command(text: str) -> bool:
    first = next((line for line in map(_bare, text.splitlines()) if line), "")
    words = [word for word in first.split() if not _ENVIRONMENT.match(word)]
    return first.startswith("--") or bool(words and _PROGRAM.search(words[0]))


def _bare(line: str) -> str:
    """``line`` without remarks, the prompt of a shell, a notebook's exclamation mark, or Markdown's fences."""
    line = line.strip()
    return "" if line.startswith(("#", "```")) else re.sub(r"^[!$>%]\s*", "", line)


def _command(text: str, where: str) -> Given:
    joined, cut = _one_command(text)
    try:
        words = shlex.split(joined)
    except ValueError:
        raise BadInput(_("{file}: a quotation mark is never closed.").format(file=where)) from None
    launcher, options = _launcher(words, where)
    given = Given("command", _options(options, where), launcher)
    if cut:
        given.findings.append(
            Finding(
                "command.cut_off",
                "warning",
                _(
                    "A line does not end with \\, so a shell would never see {option} and what follows; they are read all the same."
                ).format(option=one_line(cut, 40)),
            )
        )
    return given


def _one_command(text: str) -> tuple[str, str]:
    """The lines of the first command as one, and the first option that a shell would have lost, if any."""
    parts: list[str] = []
    cut = ""
    goes_on = True
    for raw in text.splitlines():
        line = _bare(raw)
        if not line:
            continue
        if not goes_on:
            if not line.startswith("--"):
                break
            cut = cut or line.split()[0]
        # A space behind the backslash is escaped in place of the line's end.
        goes_on = raw.endswith(_GOES_ON)
        parts.append(line[:-1].rstrip() if line.endswith(_GOES_ON) else line)
    return " ".join(parts), cut


def _launcher(words: list[str], where: str) -> tuple[list[str], list[str]]:
    """What starts the training, and the options of the training itself."""
    if words and words[0].startswith("--"):
        return [], words
    for index, word in enumerate(words):
        if word.rpartition("/")[2] in ("llamafactory-cli", "lmf") and index + 1 < len(words):
            verb = words[index + 1]
            if verb != "train":
                raise BadInput(
                    _("{file}: '{verb}' trains nothing: give the command with 'train'.").format(
                        file=where, verb=one_line(verb, 40)
                    )
                )
            return words[:index], words[index + 2 :]
        if _SCRIPT.search(word):
            return words[:index], words[index + 1 :]
    raise BadInput(
        _("{file}: this command does not train: expected 'llamafactory-cli train' or 'src/train.py'.").format(
            file=where
        )
    )


def _options(words: list[str], where: str) -> dict[str, Any]:
    if words and words[0].endswith((".yaml", ".yml", ".json")):
        raise BadInput(
            _("{file}: the arguments are in {other}: import that file.").format(
                file=where, other=one_line(words[0], 100)
            )
        )
    found: dict[str, list[str]] = {}
    name = ""
    for word in words:
        if word.startswith("--"):
            name, equals, value = word.removeprefix("--").partition("=")
            name = name.replace("-", "_")
            found[name] = [value] if equals else []
        elif name:
            found[name].append(word)
        else:
            raise BadInput(
                _("{file}: '{word}' stands before the first option: write --name value.").format(
                    file=where, word=one_line(word, 40)
                )
            )
    return {name: _value(" ".join(parts)) if parts else True for name, parts in found.items()}


def _value(value: Any) -> Any:
    """A text as the truth value, number or nothing that it spells; YAML 1.1 itself takes 1e-5 for a text."""
    if not isinstance(value, str):
        return value
    word = value.strip()
    if word.lower() in ("true", "false"):
        return word.lower() == "true"
    if word.lower() in ("none", "null", ""):
        return None
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return word


def _mapping(text: str, where: str) -> dict[Any, Any]:
    import yaml

    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError):
        found = None
    if not isinstance(found, dict) or not found:
        raise BadInput(
            _(
                "{file} is none of what can be imported: a LLaMA-Factory YAML, a LlamaBoard config, or a command line."
            ).format(file=where)
        )
    return found


def _board(found: dict[Any, Any], where: str) -> dict[str, Any]:
    """The arguments that the page would pass, as its ``_parse_train_args`` makes them."""
    args: dict[str, Any] = {}
    page = {str(key): _value(value) for key, value in found.items()}
    kind = page.pop("train.compute_type", None)
    args |= {"bf16": kind == "bf16", "fp16": kind == "fp16"} if kind else {}
    if kind == "pure_bf16":
        args["pure_bf16"] = True
    stage = page.pop("train.training_stage", None)
    args["stage"] = STAGES.get(str(stage), stage)
    if page.get("train.ds_stage") not in (None, "none"):
        offload = "offload_" if page.get("train.ds_offload") else ""
        args["deepspeed"] = f"llamaboard_cache/ds_z{page['train.ds_stage']}_{offload}config.json"
    args |= {
        "unsloth": {"use_unsloth": True},
        "liger_kernel": {"enable_liger_kernel": True},
    }.get(str(page.pop("top.booster", "")), {})
    for key in ("train.ds_stage", "train.ds_offload"):
        page.pop(key, None)
    extra = page.pop("train.extra_args", None)
    for element, value in page.items():
        name = BOARD.get(element) or element.partition(".")[2]
        if element.startswith(("top.", "train.")) and value not in ("none", []) and not _idle(name, page):
            args[name] = ",".join(map(str, value)) if isinstance(value, list) else value
    return args | _extra(extra, where)


def _idle(name: str, page: dict[str, Any]) -> bool:
    """Whether ``name`` only says how something would be done that is switched off; the page saves those too."""
    switch = next((switch for prefix, switch in SWITCHED.items() if name.startswith(prefix)), None)
    return switch is not None and not page.get(f"train.{switch}")


def _extra(extra: Any, where: str) -> dict[str, Any]:
    if not extra:
        return {}
    try:
        found = json.loads(extra) if isinstance(extra, str) else extra
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise BadInput(_("{file}: train.extra_args is not a JSON object.").format(file=where))
    return {str(key): _value(value) for key, value in found.items()}

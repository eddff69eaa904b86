"""One sample as a model will see it: what its chat template makes of it, and which parts of that are learned.

:func:`view_in_child` does it in a process of its own.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tarot_tui.data.dataset import Conversation
from tarot_tui.locale import _
from tarot_tui.project import Project
from tarot_tui.training import base, child
from tarot_tui.training.child import Say
from tarot_tui.training.encode import IGNORED, answers, labels_of, load_tokenizer, special_ids

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MODULE = "tarot_tui.training.as_trained"


@dataclass(frozen=True)
class View:
    """parts: pairs of a role and a piece of the rendered text, which they make up in order.

    The role is ``read`` (the model sees it), ``learned`` (it learns to say it) or ``cut`` (lost to cutoff_len).
    tokens: before the cut. learned, cut: tokens that are learned, and lost.
    """

    parts: list[list[str]]
    tokens: int
    learned: int
    cut: int

    def as_dict(self) -> dict[str, Any]:
        """The view as JSON-ready keys and values."""
        return asdict(self)


def view(tokenizer: PreTrainedTokenizerBase, messages: Conversation, cutoff_len: int) -> View:
    """``messages`` as they are trained on. Raises Refused when the chat template refuses them."""
    text, spans = answers(tokenizer, messages)
    found = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    ids, offsets = found["input_ids"], found["offset_mapping"]
    labels = labels_of(ids, offsets, spans, special_ids(tokenizer))
    last = max((place for place, label in enumerate(labels) if label != IGNORED), default=-1)
    roles = []
    for place, label in enumerate(labels[: last + 1]):
        roles.append("cut" if place >= cutoff_len else "read" if label == IGNORED else "learned")
    return View(_parts(text, offsets, roles), last + 1, roles.count("learned"), roles.count("cut"))


def _parts(text: str, offsets: list[tuple[int, int]], roles: list[str]) -> list[list[str]]:
    parts, begin = [], 0
    for role, group in groupby(zip(roles, offsets, strict=False), key=lambda pair: pair[0]):
        end = max(begin, *(offset[1] for _role, offset in group))
        parts.append([role, text[begin:end]])
        begin = end
    # What follows the last learned token is never trained on.
    return [part for part in [*parts, ["read", text[begin:]]] if part[1]]


def request_of(project: Project, model: str, messages: Conversation, cutoff_len: int) -> dict[str, Any]:
    """What the child of this module is to be asked."""
    return {
        "root": str(project.root.resolve()),
        "model": model,
        "messages": messages,
        "cutoff_len": cutoff_len,
    }


def view_in_child(
    project: Project, model: str, messages: Conversation, cutoff_len: int, say: Say = lambda _line: None
) -> View:
    """:func:`view` for the base model ``model`` (a folder or a name on the hub), in a process of its own.

    ``say`` is told of whatever takes long. Raises what :func:`.base.locate` and :func:`view` raise.
    """
    failed = _("The sample could not be rendered: {reason}")
    return View(**child.ask(MODULE, request_of(project, model, messages, cutoff_len), failed, say))


@lru_cache(maxsize=2)
def _tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    child.hide_torch()
    return load_tokenizer(folder)


def _view(request: dict[str, Any], say: Say) -> dict[str, Any]:
    folder = base.locate(request["model"], say, Path(request["root"]))
    return view(_tokenizer(folder), request["messages"], request["cutoff_len"]).as_dict()


if __name__ == "__main__":
    child.serve(_view)

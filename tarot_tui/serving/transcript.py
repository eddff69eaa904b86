"""A good conversation kept as a training sample: the dataset grows by what one would like to hear again."""

from __future__ import annotations

import json
import os

from tarot_tui.data import registry
from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.project import Project, safe_name

Messages = list[dict[str, str]]

#: Where conversations go when no dataset is named.
DATASET = "conversations"


def save(project: Project, name: str, messages: Messages) -> int:
    """Append ``messages`` as one sample to the dataset ``name``, made when there is none; how many it then holds.

    The dataset is a JSONL file of OpenAI messages. An unanswered last question is left out. Raises BadInput when
    nothing was answered, or when ``name`` is a dataset that was not made of conversations.
    """
    safe_name(name, _("dataset"))
    while messages and messages[-1]["role"] != "assistant":
        messages = messages[:-1]
    if not messages:
        raise BadInput(_("There is no answer to save yet."))
    entry = registry.messages(f"{name}.jsonl")
    known = registry.read(project).get(name)
    if known not in (None, entry):
        raise BadInput(
            _("'{name}' is a dataset of another kind: save the conversation under another name.").format(
                name=name
            )
        )
    path = project.data / f"{name}.jsonl"
    if known is None and path.exists():
        raise BadInput(
            _("{file} exists and is not registered: save the conversation under another name.").format(
                file=project.relative(path)
            )
        )
    project.data.mkdir(exist_ok=True)
    line = json.dumps({"messages": messages}, ensure_ascii=False) + "\n"
    # One write of one line, so that two who save at once both keep theirs.
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, line.encode())
        os.fsync(file)
    finally:
        os.close(file)
    if known is None:
        registry.register(project, name, entry)
    with open(path, "rb") as saved:
        return sum(1 for _line in saved)

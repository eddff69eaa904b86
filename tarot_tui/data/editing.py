"""A sample as a text to edit: parts under headings, nothing quoted or escaped, and back again.

::

    === instruction ===
    What does The Fool mean?

    === output ===
    A leap into the new.
"""

from __future__ import annotations

import re
from typing import Any

from tarot_tui.data import dataset
from tarot_tui.data.registry import Entry
from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.text import one_line

Raw = dict[str, Any]
Part = tuple[str, str]  # heading, text

_ALPACA = {"system": "system", "instruction": "prompt", "input": "query", "output": "response"}
_EARLIER = ("earlier question", "earlier answer")
_ROLES = ("system", "user", "assistant")


def to_text(entry: Entry, raw: Raw) -> str:
    """``raw`` as a text to edit. Raises BadInput when it cannot be read as a sample."""
    found = _parts(entry, raw)
    bar = "==="
    while any(re.search(rf"^{bar} .* {bar}$", text, re.MULTILINE) for _heading, text in found):
        bar += "="
    return "".join(f"{bar} {heading} {bar}\n{text}\n\n" for heading, text in found)


def from_text(entry: Entry, raw: Raw, text: str) -> Raw:
    """``raw`` with what was edited; other keys are kept.

    Raises BadInput when the text has an unknown heading or none, or does not make a sample.
    """
    return _joined(entry, raw, _split(text.replace("\r\n", "\n")))


def with_values(entry: Entry, raw: Raw, values: dict[str, str]) -> Raw:
    """``raw`` with the parts of ``values`` by their headings; of several equal ones the last is meant.

    Raises BadInput for an unknown one.
    """
    parts = _parts(entry, raw)
    for heading, text in values.items():
        places = [place for place, part in enumerate(parts) if part[0] == heading]
        if places:
            parts[places[-1]] = (heading, text)
        else:
            parts.insert(0 if heading == "system" else len(parts), (heading, text))
    return _joined(entry, raw, parts)


def _joined(entry: Entry, raw: Raw, parts: list[Part]) -> Raw:
    known = (*_ALPACA, *_EARLIER) if entry.formatting == "alpaca" else _ROLES
    for heading, _text in parts:
        if heading not in known:
            raise BadInput(
                _("A sample has no part '{heading}'; known are {known}.").format(
                    heading=one_line(heading, 40), known=", ".join(known)
                )
            )
    found = _alpaca(entry, raw, parts) if entry.formatting == "alpaca" else _messages(entry, raw, parts)
    dataset.as_messages(entry, 0, found)
    return found


def _parts(entry: Entry, raw: Raw) -> list[Part]:
    if entry.formatting != "alpaca":
        return [(message["role"], message["content"]) for message in dataset.as_messages(entry, 0, raw)]
    sample = dataset.as_alpaca(entry, 0, raw)
    parts = [("system", sample.get("system", ""))] if entry.columns.get("system") else []
    for pair in sample.get("history") or []:
        parts += zip(_EARLIER, pair, strict=True)
    return parts + [(key, sample[key]) for key in ("instruction", "input", "output")]


def _split(text: str) -> list[Part]:
    first = re.match(r"\s*(={3,}) .+ \1$", text, re.MULTILINE)
    if not first:
        raise BadInput(_("The edited sample must begin with a heading such as '=== instruction ==='."))
    pieces = re.split(rf"^{first[1]} (.+) {first[1]}$\n?", text, flags=re.MULTILINE)[1:]
    # Of the blank line that is written behind a part, and the newline that ends it, nothing is the sample's.
    return [
        (heading.strip(), body.removesuffix("\n").removesuffix("\n"))
        for heading, body in zip(pieces[::2], pieces[1::2], strict=True)
    ]


def _alpaca(entry: Entry, raw: Raw, parts: list[Part]) -> Raw:
    found = dict(raw)
    for heading, column in _ALPACA.items():
        texts = [text for part, text in parts if part == heading]
        if len(texts) > 1:
            raise BadInput(_("The edited sample has '{heading}' twice.").format(heading=heading))
        key = entry.columns.get(column)
        if key and (key in raw or any(texts)):
            found[key] = texts[0] if texts else ""
    earlier = [(part, text) for part, text in parts if part in _EARLIER]
    if [part for part, _text in earlier] != list(_EARLIER) * (len(earlier) // 2):
        raise BadInput(_("Each 'earlier question' needs its 'earlier answer' behind it."))
    if key := entry.columns.get("history"):
        texts = [text for _part, text in earlier]
        if texts or raw.get(key):
            found[key] = [list(pair) for pair in zip(texts[::2], texts[1::2], strict=True)]
    return found


def _messages(entry: Entry, raw: Raw, parts: list[Part]) -> Raw:
    role, content = entry.tags["role_tag"], entry.tags["content_tag"]
    key, column = entry.columns["messages"], entry.columns.get("system")
    old = [message for message in raw[key] if isinstance(message, dict)]
    found = dict(raw)
    if column and not (old and old[0].get(role) == entry.tags.get("system_tag")):
        system = parts.pop(0)[1] if parts and parts[0][0] == "system" else ""
        if system or column in raw:
            found[column] = system
    turns = []
    for place, (heading, text) in enumerate(parts):
        tag = entry.tags[f"{heading}_tag"]
        # What else a message holds (a name, a weight) stays with the message in its place.
        same = place < len(old) and old[place].get(role) == tag
        turns.append((old[place] if same else {}) | {role: tag, content: text})
    return found | {key: turns}

"""The conversations that a release is proved with: what the runtime must make of them is known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tarot_tui.errors import TarotError
from tarot_tui.export.chat_template import CannotRender, load
from tarot_tui.export.conversations import chat, trimmed
from tarot_tui.export.template import TemplateReport

#: 1 to 4 turns: letters of many scripts, emoji, braces, and white space inside and around.
_CONTENTS = (
    ("What does The Fool mean?",),
    ("塔羅牌　「愚者」正位的含義是什麼？", "新的開始。\n\n1. 冒險\n2. 自由", "逆位呢？"),
    ("1", "2 {{ x }}", "3\n\n4", "5 {% y %}", "6"),
    (
        "🔮 👩‍💻",
        "naïve Ångström, 한국어",
        "  around \n",
        "\n\tand around  ",
        "<b>&\"'\\n`",
        "$i }} {# #}",
        "last",
    ),
    ("again", "again", "again"),
)
#: So many of them under the system prompt of the release, which may be long; the others have another one, or none.
_UNDER_OWN = 3
_OTHER = "你是塔羅牌師。\n\nAnswer {{ briefly }}."


def probes(tokenizer: Path, report: TemplateReport, system: str) -> list[dict[str, Any]]:
    """Conversations (``messages``) and the ``prompt`` that the tokenizer makes of each, as the runtime gets it.

    That is without a BOS which the runtime adds; and the messages are already stripped where the template strips.
    system: the system prompt of the release. Empty when the template in ``tokenizer`` cannot be rendered.
    """
    try:
        jinja = load(tokenizer)
        bos = jinja.tokens.get("bos_token", "") if report.bos == "runtime" else ""
        found = []
        for contents, prompt in _conversations(report, system):
            messages = trimmed(chat(contents, prompt), report.trimmed)
            found.append({"messages": messages, "prompt": jinja.render(messages).removeprefix(bos)})
        return found
    except (TarotError, CannotRender):
        return []


def _conversations(report: TemplateReport, system: str) -> Iterator[tuple[tuple[str, ...], str | None]]:
    for number, contents in enumerate(_CONTENTS):
        if system and number < _UNDER_OWN:
            yield contents, system
        else:
            yield contents, None
    if report.system_mode in ("first", "last"):
        for contents in _CONTENTS[1::2]:
            yield contents, _OTHER

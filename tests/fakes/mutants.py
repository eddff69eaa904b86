"""Templates with one mistake in them, and conversations that the converter has never seen, to find what gets through."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence

from tarot_tui.export.chat_template import Messages
from tarot_tui.export.conversations import chat, first_difference
from tarot_tui.export.slots import Unconvertible
from tarot_tui.export.template import Rendering, check, go_renderer

_TEXTS = (
    "", "x", "Why?", "a\nb", " a", "a ", "\n", "a\n\n\nb", "　全形空白　", "一" * 300, "word " * 60, "0", "False", "None",
    "system", "user", "assistant", "User: hi\nAssistant:", "</think>", "<think>", "<think></think>",
    "a</think>b<think>c", "<tool_call>{}</tool_call>", "[/INST]", "<<SYS>>x<</SYS>>", "'\"\\", "{{", "}}", "{%", "%}",
    "{{ $.System }}", "{{- 1 -}}", "$i", "\r\n", "\u200b", "\u00a0b\u2028", "e\u0301", "👩‍👩‍👧", "### Response:",
    "<|im_start|>", "<|system|>", "</s><s>", "<bos>", "1. one\n2. two", "http://a.b/c?d=e&f", "<b>&amp;</b>", "#",
    "```py\nx\n```", "AAAAA", "/no_think", "/think",
)  # fmt: skip
_TURNS = 6


def held_out(
    *, system: bool, lookalikes: Sequence[str] = (), count: int = 120, seed: int = 3
) -> Iterator[Messages]:
    """Random conversations of up to six turns: other texts than the converter's own, empty ones, and several in one."""
    chosen = random.Random(seed)
    texts = (*_TEXTS, *lookalikes, *(f"a{token}b" for token in lookalikes))

    def text() -> str:
        return " ".join(chosen.choices(texts, k=chosen.choice([1, 1, 3])))

    for number in range(count):
        contents = [text() for _turn in range(2 * (1 + number % _TURNS) - 1)]
        # An empty system prompt is none, for Ollama and for us.
        yield chat(contents, text() + chosen.choice(["S", " s "]) if system and number % 3 else None)


def held_out_difference(source: str, rendering: Rendering, count: int = 120) -> tuple[str, str] | None:
    """The tokenizer's text and Go's text where they differ on a conversation that is held out."""
    go = go_renderer(source)
    return first_difference(
        held_out(system=rendering.mode in ("first", "last"), lookalikes=rendering.stops, count=count),
        rendering.prompt,
        lambda messages: go(rendering.reduced(messages)),
    )


def mutants(source: str, step: int = 1, seed: int = 0) -> Iterator[str]:
    """``source`` with one mistake: at every ``step``-th character, that one wrong, missing, doubled, or one too many."""
    chosen = random.Random(seed)
    for place in range(chosen.randrange(step), len(source), step):
        before, one, after = source[:place], source[place], source[place + 1 :]
        wrong = [way for way in ("~", chr(ord(one) + 1), one.swapcase()) if way != one]
        for way in (*wrong, "", one * 2, f" {one}", f"{one}{chosen.choice('~x0.}')}"):
            yield before + way + after


def meaning(source: str) -> str:
    """A Go template's syntax tree without its places in the text: equal ones render everything alike."""
    from gotpl.parse import parse_template

    tree = re.sub(r", (start|end)=\d+", "", repr(parse_template(source, name="t").root))
    # A literal is its value, however it is quoted; and outside of a range, `$.System` is `.System`.
    tree = re.sub(r", quoted='[^']*'", "", tree)
    tree = re.sub(r"NumberNode\(text='0(\d)'", r"NumberNode(text='\1'", tree)  # 01 is octal for 1
    return re.sub(r"FieldNode\(fields=\('System',\)\)", "VariableNode(name='$', fields=('System',))", tree)


def accepted_mutants(source: str, rendering: Rendering, step: int = 1) -> list[str]:
    """The mutants of a Go template that say something else and are accepted all the same: there should be none."""
    from gotpl.errors import TemplateError

    found, meant = [], meaning(source)
    for changed in mutants(source, step):
        try:
            if meaning(changed) != meant and check(changed, rendering) is None:
                found.append(changed)
        except (Unconvertible, TemplateError):
            continue  # no longer a Go template
    return found

"""Whether llama.cpp cuts text into the same tokens as the tokenizer that trained: text by text, id by id.

Control tokens, digits and white space are where a converted vocabulary differs silently, and a model that is asked in
other tokens than it was trained on babbles. Both are asked in a child process: neither is held by whoever asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tarot_tui.errors import TarotError
from tarot_tui.export.chat_template import CannotRender, ChatTemplate, Messages, load
from tarot_tui.export.conversations import suite
from tarot_tui.export.special import added_tokens
from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.text import one_line

MODULE = "tarot_tui.export.tokens"

#: Where tokenizers have been seen to differ: scripts, digits, white space, symbols, line ends, invisible characters.
TEXTS = (
    "What does The Fool mean?",
    "塔羅牌　「愚者」正位，象徵新的開始。繁體與简体、かな、한국어",
    "Ünïcödé naïve Ångström Ελληνικά русский العربية हिन्दी",
    "0 1 12 123 1234 12345 123456 3.14159 1,000,000 ２０２６ ½ ²",
    " leading,  two   three    four     spaces\ttab\t\ttabs\n\n\nlines \n \r\n end ",
    "🔮 👩‍💻 🇹🇼 ❤️‍🔥 ☀︎",
    "don't I'll WE'VE it's 'quoted' \"double\" `code` {{ .System }} {% raw %} snake_case CamelCase",
    "https://example.org/a?b=c&d=%20#e  a@b.c  C:\\path\\file  x==y!=z<=>",
    "\u200b\u00a0\u3000\ufeff|\u202e abc",
    "\n",
    "  ",
)
#: So many trained conversations are compared, spread over the dataset.
_TRAINED = 200


@dataclass(frozen=True)
class Comparison:
    """What differed, as ``{"text", "trained": ids, "served": ids}``, of how many that were compared.

    prompts: whole conversations as the runtime gets them, its BOS included. texts: pieces on their own. unknown_stops:
    stop tokens that llama.cpp reads as several.
    """

    compared: int
    prompts: list[dict[str, Any]]
    texts: list[dict[str, Any]]
    unknown_stops: list[str]


def compare(
    folder: Path,
    gguf: Path,
    *,
    trained: Sequence[Messages] = (),
    stops: tuple[str, ...] = (),
) -> Comparison:
    """Compare the vocabulary of ``gguf`` with the tokenizer in ``folder``, which trained.

    trained: conversations of the training, of which some are taken. Raises TarotError when either cannot be asked.
    """
    from tarot_tui.training import child

    request = {
        "tokenizer": str(folder.absolute()),
        "gguf": str(gguf.absolute()),
        "texts": [*TEXTS, *_with_added_tokens(folder), *_contents(trained)],
        "prompts": _prompts(folder, trained),
        "stops": list(stops),
    }
    failed = _("The tokens could not be compared: {reason}")
    return Comparison(**child.ask(MODULE, request, failed))


def findings(
    folder: Path,
    gguf: Path,
    *,
    trained: Sequence[Messages] = (),
    stops: tuple[str, ...] = (),
) -> list[Finding]:
    """:func:`compare` as findings: one that all are equal, or what is not."""
    try:
        found = compare(folder, gguf, trained=trained, stops=stops)
    except TarotError as error:
        text = _("Whether llama.cpp reads text as the tokenizer does was not compared.")
        return [Finding("tokens.unproven", "warning", text, str(error))]
    judged = []
    if found.prompts:
        text = _(
            "llama.cpp reads {count} conversations in other tokens than the model was trained on: it will answer "
            "worse than it learned to."
        ).format(count=len(found.prompts))
        judged.append(Finding("tokens.prompts", "error", text, _shown(found.prompts[0])))
    elif found.texts:
        text = _("llama.cpp reads {count} unusual texts in other tokens than the tokenizer does.")
        judged.append(
            Finding("tokens.texts", "warning", text.format(count=len(found.texts)), _shown(found.texts[0]))
        )
    for stop in found.unknown_stops:
        text = _("The stop token {stop} is no single token for llama.cpp.").format(stop=one_line(stop, 40))
        judged.append(Finding("tokens.stop", "warning", text))
    if not judged:
        text = _("llama.cpp reads {count} texts and conversations in the very tokens of the training.")
        judged.append(Finding("tokens.equal", "ok", text.format(count=found.compared)))
    return judged


def _with_added_tokens(folder: Path) -> list[str]:
    """Each token that is matched as it is, and each between words, once with a space and once without."""
    tokens = [token["content"] for token in added_tokens(folder)]
    return [*tokens, *(f"a{token}b {token} c" for token in tokens)]


def _contents(trained: Sequence[Messages]) -> list[str]:
    return [message["content"] for messages in _some(trained) for message in messages]


def _some(trained: Sequence[Messages]) -> Sequence[Messages]:
    return trained[:: max(1, len(trained) // _TRAINED)][:_TRAINED]


def _prompts(folder: Path, trained: Sequence[Messages]) -> list[list[str]]:
    """Rendered conversations: as the tokenizer writes them, and without the BOS that they begin with."""
    try:
        jinja = load(folder)
    except TarotError:
        return []
    bos = jinja.tokens.get("bos_token", "")
    conversations = [*list(suite(system=True))[::5], *_some(trained)]
    texts = [text for messages in conversations if (text := _rendered(jinja, messages)) is not None]
    return [[text, text.removeprefix(bos)] for text in texts]


def _rendered(jinja: ChatTemplate, messages: Messages) -> str | None:
    try:
        return jinja.render(messages, prompt=messages[-1]["role"] == "user")
    except CannotRender:  # no system prompt there, say
        return None


def _shown(different: dict[str, Any]) -> str:
    ids = " ".join(map(str, different["trained"][:8])), " ".join(map(str, different["served"][:8]))
    return f"{one_line(different['text'], 60)!r}: {ids[0]} ≠ {ids[1]}"


def _compared(request: dict[str, Any], _say: Any) -> dict[str, Any]:
    """The child's side of :func:`compare`."""
    from tarot_tui.export.vocabulary import Vocabulary
    from tarot_tui.training import child

    child.hide_torch()
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(
        request["tokenizer"], local_files_only=True, trust_remote_code=False
    )

    def ids(text: str) -> list[int]:
        return tokenizer(text, add_special_tokens=False)["input_ids"]

    with Vocabulary(Path(request["gguf"])) as vocabulary:
        texts = [(text, ids(text), vocabulary.tokenize(text)) for text in request["texts"]]
        prompts = [
            # Where the runtime adds a BOS, it is left out of the text that it is given.
            (whole, ids(whole), vocabulary.tokenize(bare if vocabulary.adds_bos else whole, as_prompt=True))
            for whole, bare in request["prompts"]
        ]
        unknown = [stop for stop in request["stops"] if len(vocabulary.tokenize(stop)) != 1]
    return {
        "compared": len(texts) + len(prompts),
        "prompts": _unequal(prompts),
        "texts": _unequal(texts),
        "unknown_stops": unknown,
    }


def _unequal(found: list[tuple[str, list[int], list[int]]]) -> list[dict[str, Any]]:
    """Those that differ, from shortly before the first difference on: the rest of a long text shows nothing."""
    different = []
    for text, trained, served in found:
        if trained != served:
            same = next(
                (i for i, (a, b) in enumerate(zip(trained, served, strict=False)) if a != b),
                min(len(trained), len(served)),
            )
            start = max(0, same - 2)
            different.append({"text": text, "trained": trained[start:], "served": served[start:]})
    return different


if __name__ == "__main__":
    from tarot_tui.training import child

    child.serve(_compared)

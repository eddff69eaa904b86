"""Answers that must not be trained on: refusals, copies of what was sent, and repetition."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from tarot_tui.data.synthesis.prompt import Prompt
from tarot_tui.data.synthesis.reply import Pair
from tarot_tui.data.synthesis.rows import Item
from tarot_tui.locale import N_

#: reason → what to say of it.
REASONS = {
    "refusal": N_("the model refuses or speaks of itself as an AI"),
    "copies_row": N_("the answer is the row word for word"),
    "copies_prompt": N_("the answer is the prompt word for word"),
    "echo": N_("the answer only says the question again"),
    "loops": N_("the answer says the same again and again"),
    "repeated": N_("another answer is the same"),
    "invalid": N_("the reply is not what was asked for"),
    "declined": N_("the server declined this row"),
}

# Speaking of itself as a machine spoils a persona wherever it stands.
_MACHINE = re.compile(
    r"\bas an? (?:ai|artificial intelligence|large language model|language model)\b"
    r"|\bi(?: a|['’])m (?:just |only )?an? (?:ai|artificial intelligence|(?:large )?language model)\b"
    r"|\bi (?:do not|don['’]t) have (?:personal )?(?:feelings|opinions|beliefs) as an?\b"
    r"|(?:作[為为]|身[為为])(?:一[個个名款位])?\s*(?:ai|人工智[慧能]|(?:大型|大)?[語语]言模型)"
    r"|我(?:只)?是(?:一[個个名款位])?\s*(?:ai|人工智[慧能]|(?:大型|大)?[語语]言模型)",
    re.IGNORECASE,
)
# An apology alone may well be in character ("I am sorry to hear that", 很抱歉聽到): it must be for not answering.
_CANNOT = r"i (?:can(?:no|['’])?t|am (?:unable|not able) to|(?:wo|do)n['’]t be able to|must decline to)"
_ANSWER = (
    r" (?:help|assist|provide|answer|fulfil+|comply|create|generate|write|engage|do (?:that|this)"
    r"|(?:give|offer) (?:you )?(?:any |an? )?(?:advice|answer|reading|guidance))"
)
_UNABLE = (
    r"我?[，,\s]{0,2}(?:目前|恐怕|暂时|暫時)?(?:不能|[無无]法|沒有辦法|没有办法|不便|不可以)[為为]?(?:您|你)?"
)
_DO_IT = r"(?:提供|回答|回[應应覆复]|[協协]助|完成|[幫帮]|滿足|满足|生成|[給给](?:出|予)|[進进]行|[處处]理)"
_APOLOGY = re.compile(
    r"\A\W*(?:i['’ ]?a?m (?:very |so |really |terribly )?sorry|sorry|i apologi[sz]e|my apologies|unfortunately)\W.{0,40}?"
    rf"{_CANNOT}\b"
    rf"|\A\W*{_CANNOT}{_ANSWER}\b"
    rf"|\A\W*(?:很|非常|真的)?(?:抱歉|[對对]不起|不好意思).{{0,12}}?{_UNABLE}{_DO_IT}"
    rf"|\A\W*我{_UNABLE}{_DO_IT}",
    re.IGNORECASE | re.DOTALL,
)
_SHINGLE = 12
#: From this share of an answer's shingles on it counts as copied.
_COPIED = 0.8
#: Answers shorter than this (letters and digits) may well be part of the row.
_SHORT = 24
#: Below this share of different shingles an answer goes round in circles.
_VARIED = 0.35


def fault(pair: Pair, item: Item, prompt: Prompt) -> str:
    """Why the pair must not be kept, a key of :data:`REASONS`; '' when nothing speaks against it."""
    if is_refusal(pair.question) or (not prompt.answer and is_refusal(pair.answer)):
        return "refusal"
    if prompt.answer:
        return ""
    answer = _letters(pair.answer)
    if answer == _letters(pair.question):
        return "echo"
    if len(answer) >= _SHORT:
        shingles = _shingles(answer)
        if _share(shingles, _shingles_of_text(item.shown)) >= _COPIED:
            return "copies_row"
        if _share(shingles, _shingles_of_text(prompt.writer)) >= _COPIED:
            return "copies_prompt"
        if len(set(shingles)) < _VARIED * len(shingles):
            return "loops"
    return ""


def is_refusal(text: str) -> bool:
    """Whether a text declines to answer, or speaks of itself as a machine; English and Chinese."""
    return bool(_MACHINE.search(text) or _APOLOGY.search(text))


class Said:
    """What was said before, so that the same is not kept twice: answers, or questions where answers are the row's own."""

    def __init__(self, *, questions: bool) -> None:
        self._questions = questions
        self._said: set[str] = set()

    def again(self, pair: Pair) -> bool:
        """Whether the same was said before; remembers it."""
        key = _letters(pair.question if self._questions else pair.answer)
        known = key in self._said
        self._said.add(key)
        return known


def _letters(text: str) -> str:
    """Letters and digits only, without case: what is left when spaces and punctuation do not count."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(character for character in folded if character.isalnum())


def _shingles(letters: str) -> list[str]:
    return [letters[start : start + _SHINGLE] for start in range(len(letters) - _SHINGLE + 1)]


@lru_cache(maxsize=64)
def _shingles_of_text(text: str) -> frozenset[str]:
    return frozenset(_shingles(_letters(text)))


def _share(shingles: list[str], among: frozenset[str]) -> float:
    return sum(shingle in among for shingle in shingles) / len(shingles)

"""Words are looked up by their name in the reader's language, too."""

from __future__ import annotations

import pytest

from tarot_tui.errors import BadInput
from tarot_tui.glossary import WORDS, look_up
from tarot_tui.locale import set_language


@pytest.fixture
def speak():
    yield set_language
    set_language("en")


@pytest.mark.parametrize(
    ("code", "name"), [("zh_TW", "配接器"), ("zh_CN", "适配器"), ("zh_TW", "adapter"), ("en", "adapter")]
)
def test_a_word_goes_by_its_name_in_any_of_our_languages(speak, code, name):
    speak(code)
    assert look_up(name).term == "adapter"


def test_the_beginning_of_a_sentence_is_no_name_in_english(speak):
    speak("en")
    with pytest.raises(BadInput):
        look_up(WORDS[0].text.partition(" ")[0])

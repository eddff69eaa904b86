"""Every sentence for people has its 繁體中文, with the same placeholders, and the compiled catalogue is current."""

from __future__ import annotations

import io
import string
from pathlib import Path

from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

import tarot_tui
from tarot_tui.locale import DOMAIN, normalise

PACKAGE = Path(tarot_tui.__file__).parent
FOLDER = PACKAGE / "locale" / "zh_TW" / "LC_MESSAGES"


def messages() -> set[str]:
    keywords = {"_": None, "N_": None}
    return {found[2] for found in extract_from_dir(PACKAGE, keywords=keywords) if isinstance(found[2], str)}


def catalogue():
    return read_po(io.BytesIO((FOLDER / f"{DOMAIN}.po").read_bytes()))


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_every_sentence_is_translated():
    translated = {m.id for m in catalogue() if m.id and m.string and not m.fuzzy}
    assert not messages() - translated


def test_no_translation_is_left_of_a_sentence_that_is_gone():
    assert not {m.id for m in catalogue() if m.id} - messages()


def test_translations_keep_the_placeholders():
    wrong = [
        m.id for m in catalogue() if m.id and "{" in m.id and placeholders(m.id) != placeholders(m.string)
    ]
    assert not wrong


def test_the_compiled_catalogue_is_the_one_in_the_source():
    compiled = read_mo(io.BytesIO((FOLDER / f"{DOMAIN}.mo").read_bytes()))
    assert {m.id: m.string for m in compiled if m.id} == {m.id: m.string for m in catalogue() if m.id}


def test_the_sentences_are_traditional_chinese():
    simplified = set("这说对时为过还没样学习设数据网络单击")
    found = {c for m in catalogue() if m.id for c in m.string if c in simplified}
    assert not found, found


def test_locale_names_find_our_languages():
    assert [normalise(n) for n in ("zh_TW.UTF-8", "zh-Hant-HK", "C", "de_DE")] == [
        "zh_TW",
        "zh_TW",
        "en",
        "en",
    ]

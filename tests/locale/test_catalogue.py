"""Every sentence for people has its 繁體中文, with the same placeholders, and the compiled catalogue is current."""

from __future__ import annotations

import ast
import io
import re
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


def test_no_sentence_hides_where_the_extraction_does_not_look():
    """It takes an f-string for one piece of text before Python 3.12, so a sentence inside of one is never translated."""
    calls = [
        node.args[0]
        for file in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_", "N_")
    ]
    written = {one.value for one in calls if isinstance(one, ast.Constant)}
    assert not written - messages() - {""}


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


def test_no_word_is_of_the_mainland_and_each_thing_has_one_name():
    words = re.compile(
        "信息|默認|質量|軟件|硬件|網絡|服務器|打印|文件夾|界面|內存|緩存|字節|調用|變量|加載|運行|屏幕|數據|激活|支持|創建|添加"
        "|優化|導入|導出|鏈接|算法|磁盤|訪問|模塊|插件|菜單|系統提示(?!詞)|答案|對話範本|分詞器|觀看|紀錄|記錄|發布|損壞"
    )
    assert not [m.string for m in catalogue() if m.id and words.search(m.string)]


def test_chinese_has_its_own_punctuation_and_a_space_beside_other_letters():
    han = "[\u4e00-\u9fff]"
    wrong = re.compile(
        f"{han}[,;:!?(]|[)]{han}|{han}[A-Za-z0-9]|[A-Za-z0-9]{han}| [「」，。；：（）]|[「」，。；：（）] "
    )
    assert not [m.string for m in catalogue() if m.id and wrong.search(m.string)]


def test_locale_names_find_our_languages():
    assert [normalise(n) for n in ("zh_TW.UTF-8", "zh-Hant-HK", "C", "de_DE")] == [
        "zh_TW",
        "zh_TW",
        "en",
        "en",
    ]

"""简体 is made of 繁體, in the words of the mainland."""

from __future__ import annotations

import re

import pytest

from tarot_tui.locale.simplified import catalogue, mainland


@pytest.mark.parametrize(
    ("taiwan", "china"),
    [
        ("第 3 列的儲存格", "第 3 行的单元格"),
        ("沒有「問題」欄；列出佇列", "没有“问题”列；列出队列"),
        ("用 4 位元的 GGUF 檔", "用 4 位的 GGUF 文件"),
        ("預設配方（預設：try-it）", "预设配方（默认：try-it）"),
        ("匯出配接器，按 y 複製指令", "导出适配器，按 y 复制命令"),
        ("從文件建立資料集", "从文档创建数据集"),
    ],
)
def test_a_sentence_is_said_as_on_the_mainland(taiwan, china):
    assert mainland(taiwan) == china


def test_no_word_of_taiwan_is_left():
    words = re.compile("范本|储存|档案|程式|资讯|网路|伺服|记忆体|萤幕|介面|专案|栏|讯息|权杖|儲|檔")
    assert not [text for text in catalogue().values() if words.search(text)]

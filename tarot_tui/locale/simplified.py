"""Makes the 简体 catalogue of the 繁體 one, character by character and word by word as on the mainland (OpenCC's tw2sp).

``python -m tarot_tui.locale.simplified`` writes it; nobody translates it by hand. What OpenCC leaves as Taiwan says
it, or takes for another word, is set right by the table here.
"""

from __future__ import annotations

import gettext
import re
import struct
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from tarot_tui.locale import CATALOGUES, DOMAIN

#: A row is 列 and a column 欄 in Taiwan, 行 and 列 on the mainland; 列出, 队列 and their like are other words.
_ROW = re.compile("(?<![队序并系阵排])列(?![出在给表举这])")
#: What is simplified, but not yet the mainland's word. One that stays as it is, is there for the word that it begins with.
_WORDS = {
    "保存格": "单元格",
    "保存库": "仓库",
    "分割区": "分区",
    "印出": "打印",
    "印出来": "打印出来",
    "文字档": "文本文件",
    "工具组": "工具包",
    "运行个体": "实例",
    "连接端口": "端口",
    "布景主题": "主题",
    "权杖": "令牌",
    "精灵": "向导",
    "配接器": "适配器",
    "范本": "模板",
    "范例": "示例",
    "套件": "软件包",
    "指令": "命令",
    "指令集": "指令集",
    "试算表": "电子表格",
    "活页簿": "工作簿",
    "标头档": "头文件",
    "档头": "文件头",
    "二进位档": "二进制文件",
    "文字方块": "文本框",
    "设置档": "配置文件",
    "建置": "构建",
    "逾时": "超时",
    "当掉": "崩溃",
    "结束码": "退出码",
    "结束代码": "退出码",
    "重新开机": "重启",
    "映像": "镜像",
    "身分证": "身份证",
    "拷贝": "复制",
    "卷动": "滚动",
    "电源供应器": "电源",
    "暖身": "预热",
    "杂讯": "噪声",
    "批量系统": "批处理系统",
    "批量": "批次",
    "内核数": "核心数",
    "指针：": "指标：",
    "用户端": "客户端",
    "群组": "用户组",
    "拼字": "拼写",
    "拥有者": "所有者",
    "断线": "断开连接",
    "比特": "位",
    "帐号": "账号",
    "帐户": "账户",
    "检查码": "校验和",
    "预设": "默认",
    "预设配方": "预设配方",
    "「": "“",
    "」": "”",
}
_WORD = re.compile("|".join(sorted(_WORDS, key=len, reverse=True)))
_FILE = re.compile("(?<!文)档")


def compiled(code: str) -> Path:
    """Where the compiled catalogue of a language lies."""
    return CATALOGUES / code / "LC_MESSAGES" / f"{DOMAIN}.mo"


def mainland(text: str) -> str:
    """A sentence from Taiwan as the mainland writes it."""
    text = _ROW.sub("行", _opencc()(text)).replace("栏", "列")
    return _FILE.sub("文件", _WORD.sub(lambda found: _WORDS[found[0]], text))


@cache
def _opencc() -> Callable[[str], str]:
    from opencc import OpenCC

    return OpenCC("tw2sp").convert


def catalogue() -> dict[str, str]:
    """Every message of the compiled 繁體 catalogue, in 简体. Placeholders hold no words, so they stay as they are."""
    with open(compiled("zh_TW"), "rb") as file:
        found = gettext.GNUTranslations(file)
    header = found._catalog[""].replace("zh_TW", "zh_CN")
    return {"": header} | {
        message: mainland(text)
        for message, text in found._catalog.items()
        if message and isinstance(message, str) and isinstance(text, str)
    }


def write_mo(path: Path, messages: Mapping[str, str]) -> None:
    """Write a compiled catalogue: GNU gettext's .mo, version 0, little-endian, without a hash table."""
    ids, texts, places = b"", b"", []
    for message in sorted(messages):
        original, text = message.encode(), messages[message].encode()
        places.append((len(original), len(ids), len(text), len(texts)))
        ids += original + b"\0"
        texts += text + b"\0"
    tables = 28
    start = tables + 16 * len(places)
    head = struct.pack("<7I", 0x950412DE, 0, len(places), tables, tables + 8 * len(places), 0, start)
    originals = b"".join(struct.pack("<2I", size, start + at) for size, at, _s, _a in places)
    translations = b"".join(struct.pack("<2I", size, start + len(ids) + at) for _s, _a, size, at in places)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head + originals + translations + ids + texts)


if __name__ == "__main__":
    write_mo(compiled("zh_CN"), catalogue())

"""Small documents made on the spot, and the command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tarot_tui.cli import main
from tarot_tui.project import Project

CARDS = [
    ("Number", "Card Name", "Upright Meaning", "Reversed Meaning"),
    (0, "愚者", "自發的行動，\n通往成功之路。", "逃避承諾"),
    (1, "魔術師", "創造力", None),
    (2, "女祭司", None, "膚淺"),
]


@pytest.fixture
def workbook(tmp_path: Path) -> Callable[..., Path]:
    """``workbook("a.xlsx", Sheet=rows, …)`` writes an xlsx file and returns its path."""

    def make(name: str, **sheets: Sequence[Sequence[object]]) -> Path:
        import openpyxl

        book = openpyxl.Workbook()
        book.remove(book.active)
        for title, rows in sheets.items():
            sheet = book.create_sheet(title)
            for row in rows:
                sheet.append(row)
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        book.save(path)
        return path

    return make


@pytest.fixture
def deck(workbook: Callable[..., Path]) -> Path:
    """Three cards with a gap here and there."""
    return workbook("deck.xlsx", 塔羅牌=CARDS)


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """``written("a.txt", text or bytes)`` writes a file and returns its path."""

    def make(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return make


@pytest.fixture
def tarot(project: Project, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """One command line in the test's project: exit code, stdout, stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["data", *map(str, arguments), "--project", str(project.root), "--lang", "en"])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def registered(project: Project) -> Callable[..., str]:
    """``registered("name", [samples], **entry)`` puts a user's own data file and entry into the project."""

    def make(name: str, content: object, *, file_name: str | None = None, **entry: object) -> str:
        file_name = file_name or f"{name}.json"
        text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
        (project.data / file_name).write_text(text, "utf-8")
        registry = project.data / "dataset_info.json"
        found = json.loads(registry.read_text()) if registry.exists() else {}
        found[name] = {"file_name": file_name, **entry}
        registry.write_text(json.dumps(found))
        return name

    return make


@pytest.fixture
def noted() -> Callable[..., tuple[dict[str, str], dict[str, list[list[str]]]]]:
    """``noted(path)``: what its reader remarked (id → sentence), and the rows of each table by section."""

    def read(path: Path, **options: Any) -> tuple[dict[str, str], dict[str, list[list[str]]]]:
        from tarot_tui.data import sources

        remarks: dict[str, str] = {}
        rows: dict[str, list[list[str]]] = {}
        for table in sources.tables(
            path, sources.Reading(**options), lambda one: remarks.update({one.id: one.text})
        ):
            rows[table.section] = [list(table.columns), *map(list, table.values)]
        return remarks, rows

    return read

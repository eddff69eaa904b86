"""JSON, JSON lines and parquet as tables."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date

import pytest

from tarot_tui.data import sources
from tarot_tui.errors import BadInput

RECORDS = [{"Card": " Fool ", "n": 1, "x": None}, {"Meaning": "leap", "Card": True, "x": [1, {"牌": "a"}]}]


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_objects_are_rows_with_the_keys_of_all(written, noted, name):
    lines = [json.dumps(one) for one in RECORDS]
    text = f"[{','.join(lines)}]" if name == "a.json" else "\n".join(lines)
    assert noted(written(name, text)) == (
        {},
        {
            "": [
                ["Card", "n", "x", "Meaning"],
                ["Fool", "1", "", ""],
                ["true", "", '[1, {"牌": "a"}]', "leap"],
            ]
        },
    )


@pytest.mark.parametrize(
    "text", ['{"a": ' + "1" * 5000 + "}", "[" * 100_000, '[{"a": 1}', '{"a": 1} x', "3", '{"a": "\\ud800"']
)
def test_broken_json_is_one_sentence(written, noted, text):
    with pytest.raises(BadInput, match=r"a\.json") as error:
        noted(written("a.json", text))
    assert "\n" not in str(error.value)


def test_more_keys_than_a_spreadsheet_has_columns_are_refused(written, noted):
    text = json.dumps([dict.fromkeys(map(str, range(16_385)), 1)])
    with pytest.raises(BadInput, match="16,385 columns, and no more than 16,384 are read"):
        noted(written("a.json", text))


@pytest.fixture
def parquet(tmp_path):
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table(
        {"q": ["x\r\n", None], "n": [1.0, 2.5], "list": [["a"], None], "day": [date(2024, 8, 21), None], "b": [True, False]}
    )  # fmt: skip
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    return tmp_path / "a.parquet"


def test_parquet_is_a_table(parquet, noted):
    assert noted(parquet)[1] == {
        "": [
            ["q", "n", "list", "day", "b"],
            ["x", "1", '["a"]', "2024-08-21", "TRUE"],
            ["", "2.5", "", "", "FALSE"],
        ]
    }


def test_a_cut_parquet_file_is_one_sentence(parquet, written, noted):
    with pytest.raises(BadInput, match=r"b\.parquet is damaged or no parquet file"):
        noted(written("b.parquet", parquet.read_bytes()[:-20]))


def test_without_pyarrow_is_said_how_to_get_it(parquet):
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from pathlib import Path; from tarot_tui.data import sources; from tarot_tui.data.sources import parquet\n"
        f"list(parquet.tables(Path({str(parquet)!r}), sources.Reading(), print))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "pip install 'tarot-tui[parquet]'" in done.stderr.splitlines()[-1]


def test_the_preview_of_a_long_file_reads_its_beginning_only(written):
    path = written("a.jsonl", '{"a": 1}\n' * 300 + "broken")
    assert sources.headers(path)[0].columns == ("a",)
    with pytest.raises(BadInput, match="line 301"):
        list(sources.read_rows(path))

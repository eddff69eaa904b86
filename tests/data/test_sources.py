"""Reading documents: what is found, how cells read, and what is answered to files that are none."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile

import pytest

from tarot_tui.data import sources
from tarot_tui.errors import BadInput


def rows(path):
    return [(row.section, row.number, list(row.cells.values())) for row in sources.read_rows(path)]


def names(paths):
    return [path.name for path in paths]


# what is collected


def test_folders_are_read_recursively_and_sorted_without_hidden_lock_and_linked_files(tmp_path, written):
    for name in (
        "in/b.txt",
        "in/a/z.TXT",
        "in/a/.hidden.txt",
        "in/.git/x.txt",
        "in/~$c.xlsx",
        "in/.~lock.c.xlsx#",
    ):
        written(name, name)
    written("in/picture.png", "x")
    written("elsewhere/secret.txt", "x")
    os.symlink(tmp_path / "elsewhere", tmp_path / "in/folder-link")
    os.symlink(tmp_path / "elsewhere/secret.txt", tmp_path / "in/link.txt")
    skipped = []
    assert names(sources.collect([tmp_path / "in"], skipped.append)) == ["z.TXT", "b.txt"]
    assert names(skipped) == ["picture.png"]


def test_a_file_named_twice_is_read_once(tmp_path, written):
    path = written("a.txt", "x")
    assert sources.collect([path, tmp_path, tmp_path / "." / "a.txt"]) == [path]


def test_the_same_content_under_two_names_is_read_once_and_said(tmp_path, written):
    for name, text in (
        ("a.txt", "same"),
        ("b.txt", "diff"),
        ("c/a copy.txt", "same"),
        ("d.txt", ""),
        ("e.txt", ""),
    ):
        written(name, text)
    twice = []
    found = sources.collect([tmp_path], on_twice=lambda copy, first: twice.append((copy.name, first.name)))
    assert names(found) == ["a.txt", "b.txt", "d.txt", "e.txt"]
    assert twice == [("a copy.txt", "a.txt")]


@pytest.mark.parametrize(
    ("name", "says"),
    [("missing.csv", "does not exist"), ("notes.pages", "xlsx, .*csv, .*txt"), ("empty", "No xlsx")],
)
def test_a_path_that_cannot_be_read_is_named(tmp_path, written, name, says):
    written("notes.pages", "x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match=says) as error:
        sources.collect([tmp_path / name])
    assert name in str(error.value)


def test_a_pipe_is_no_document(tmp_path):
    os.mkfifo(tmp_path / "pipe.txt")
    with pytest.raises(BadInput, match=r"pipe\.txt"):
        sources.collect([tmp_path / "pipe.txt"])


def test_columns_are_shown_with_an_example_each(workbook, written):
    path = workbook(
        "a.xlsx", 塔羅牌=[("編號", "", "備註"), (None, None, "n"), (7, None, "m")], Other=[("X",)]
    )
    assert sources.columns(path) == {"塔羅牌": [("編號", "7"), ("備註", "n")], "Other": [("X", "")]}
    assert sources.columns(written("b.csv", "a,b\n1,2\n")) == {"b.csv": [("a", "1"), ("b", "2")]}


# spreadsheets


def flipped(raw):
    """The workbook with a few bytes of its sheet inverted."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        at = archive.getinfo("xl/worksheets/sheet1.xml").header_offset + 80
    return raw[:at] + bytes(byte ^ 0xFF for byte in raw[at : at + 8]) + raw[at + 8 :]


def without_parts(raw):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", "x")
    return buffer.getvalue()


@pytest.mark.parametrize(
    "spoil", [lambda raw: b"hello", lambda raw: b"", lambda raw: raw[: len(raw) // 2], flipped, without_parts]
)
def test_a_broken_workbook_is_one_sentence_that_names_it(written, workbook, spoil):
    raw = workbook("good.xlsx", S=[("a",), ("b",)]).read_bytes()
    with pytest.raises(BadInput) as error:
        rows(written("bad.xlsx", spoil(raw)))
    assert "bad.xlsx" in str(error.value) and "\n" not in str(error.value)


def test_a_protected_workbook_is_told_apart(written):
    path = written("locked.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    with pytest.raises(BadInput, match="password"):
        rows(path)


@pytest.mark.parametrize("suffix", ["xlsx", "docx"])
def test_a_bomb_is_refused_by_what_it_declares(tmp_path, suffix):
    path = tmp_path / f"bomb.{suffix}"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("xl/worksheets/s.xml", "w") as file,
    ):
        for _ in range(80):
            file.write(bytes(1_000_000))
    with pytest.raises(BadInput, match=r"from 77\.\d kB to 80\.0 MB"):
        rows(path)


def test_one_cell_in_the_far_corner_is_refused_and_not_allocated(tmp_path):
    import openpyxl

    book = openpyxl.Workbook()
    book.active["A1"] = "a"
    book.active["XFD1048576"] = "stray"
    book.save(tmp_path / "far.xlsx")
    with pytest.raises(BadInput, match="1,048,576 rows by 16,384 columns"):
        rows(tmp_path / "far.xlsx")


# csv and text


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(written, delimiter):
    text = f'a{delimiter}b\n"1{delimiter}5"{delimiter}"two, and\nmore"\n\n007{delimiter}\n'
    assert rows(written("a.csv", text)) == [
        ("", 1, [f"1{delimiter}5", "two, and\nmore"]),
        ("", 2, ["007", ""]),
    ]


def noted(path, **options):
    """The ids and sentences that a reader has to say of ``path``, and its rows."""
    found, values = [], []
    for table in sources.tables(path, sources.Reading(**options), found.append):
        values += [list(row) for row in table.values]
    return [(finding.id, finding.text) for finding in found], values


def test_ragged_rows_are_named_by_their_lines_and_keep_their_place(written):
    path = written("a.csv", 'a,b\n1,"x\ny"\n1,2,\n1,2,3\n7\n8,9\n')
    findings, values = noted(path)
    assert values == [["1", "x\ny"], ["1", "2"], ["", ""], ["7", ""], ["8", "9"]]
    assert [name for name, _text in findings] == ["data.rows_too_long", "data.rows_too_short"]
    assert "1 rows have more cells" in findings[0][1] and "(lines 5)" in findings[0][1]
    assert "(lines 6)" in findings[1][1]


@pytest.mark.parametrize("text", ['a,b\n1,2\n3,"4\n5,6\n', 'a,b\n1,2\n3,"4', 'a,b\n1,2\n"3,4\n5,6\n'])
def test_a_quote_that_is_not_closed_is_named_by_the_line_it_is_on(written, text):
    with pytest.raises(BadInput, match=r"a\.csv, line 3: a quote is opened here"):
        rows(written("a.csv", text))


def test_excel_s_own_line_about_the_delimiter_is_heeded(written):
    assert noted(written("a.csv", "sep=|\na|b,c\n1,2,3|4\n"))[1] == [["1,2,3", "4"]]


def test_a_tsv_is_split_at_tabs_only(written):
    assert noted(written("a.tsv", "a\tb,c,d\n1\t2,3,4\n"))[1] == [["1", "2,3,4"]]


def test_a_title_above_the_header_is_left_out_and_said(written):
    path = written("a.csv", "My deck\n\nCard,Upright,Reversed\nFool,leap,fear\n")
    findings, values = noted(path)
    assert values == [["Fool", "leap", "fear"]]
    assert findings == [
        ("data.header_row", "a.csv: row 3 names the columns; what stands above it was left out.")
    ]


def test_the_header_row_can_be_set(written):
    path = written("a.csv", "x,y\n1,2\nCard,Meaning\nFool,leap\n")
    assert sources.headers(path, sources.Reading(header=3))[0].columns == ("Card", "Meaning")
    assert noted(path, header=3) == ([], [["Fool", "leap"]])
    with pytest.raises(BadInput, match="there is no row 9"):
        rows_of = sources.tables(path, sources.Reading(header=9))
        next(rows_of)


def test_an_empty_csv_has_no_rows(written):
    assert rows(written("a.csv", "\n\n")) == []


@pytest.mark.parametrize("content", [b"\xff\xff\xff", b"a,b\n\xe4\xff\x00", b"\xff\xfea"])
def test_bytes_that_are_no_text_are_named(written, content):
    with pytest.raises(BadInput, match=r"a\.csv is not text in UTF-8"):
        rows(written("a.csv", content))


def test_nuls_are_dropped_and_other_characters_kept(written):
    assert rows(written("a.csv", "a,b\nx\0y,\x1b[31mred\n")) == [("", 1, ["xy", "\x1b[31mred"])]


def test_a_line_without_end_is_refused_before_it_fills_the_memory(written, monkeypatch):
    monkeypatch.setattr("tarot_tui.data.sources.encoding.LONGEST", 1000)
    with pytest.raises(BadInput, match="line 2: longer than 1,000"):
        rows(written("a.txt", "short\n" + "x" * 5000))


# any file


def test_a_workbook_under_the_name_of_a_document_is_one_sentence(deck, tmp_path):
    path = deck.rename(tmp_path / "d.docx")
    with pytest.raises(BadInput, match=r"d\.docx cannot be read as a Word document"):
        rows(path)


def test_a_file_that_may_not_be_read_is_one_sentence(written):
    path = written("a.txt", "x")
    path.chmod(0)
    if os.access(path, os.R_OK):
        path.unlink()
        path.mkdir()
    with pytest.raises(BadInput, match=r"a\.txt cannot be read"):
        rows(path)


def test_datasets_are_read_without_the_heavy_libraries():
    code = (
        "import sys, tarot_tui.data.dataset, tarot_tui.data.sources, tarot_tui.data.build, tarot_tui.cli.data\n"
        "heavy = {'pandas', 'numpy', 'docx', 'openpyxl', 'python_calamine', 'pydantic', 'yaml', 'torch', 'textual'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

"""A folder of nasty files: one sentence each, the good ones built, memory bounded, nothing raw to the terminal."""

from __future__ import annotations

import io
import json
import os
import random
import subprocess
import sys
import unicodedata
import zipfile

import pytest

from tarot_tui.data import dataset, sources
from tarot_tui.errors import BadInput

MB = 1_000_000
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
LAUGHS = (
    "<!DOCTYPE x [<!ENTITY a0 'ha'>"
    + "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 12))
    + "]>"
)
SHEET = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'


def zipped(members, level=6):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def changed(raw, member, change):
    """The archive with ``change`` done to the text of one member."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members[member] = change(members[member].decode()).encode()
    return zipped(members, level=1)


def with_laughs(text, inside):
    """The XML with the entities of a billion laughs, called where ``inside`` stands."""
    head, _start, rest = text.partition("?>") if text.startswith("<?xml") else ("", "", text)
    return (head + "?>" if head else "") + LAUGHS + rest.replace(inside, "&a11;", 1)


def with_row(row):
    return lambda text: text.replace("</sheetData>", row + "</sheetData>")


@pytest.fixture
def originals(workbook, tmp_path):
    """A workbook and a document in order, as bytes."""
    import docx

    document = docx.Document()
    document.add_paragraph("token")
    document.add_table(1, 1).cell(0, 0).text = "cell"
    document.save(tmp_path / "o.docx")
    return workbook("o.xlsx", S=[("a", "b"), ("token", 1)]).read_bytes(), (tmp_path / "o.docx").read_bytes()


@pytest.fixture
def nasty(originals, tmp_path):
    """Name → (content, a word of the sentence): each refused."""
    xlsx, docx = originals
    sheet, text = "xl/worksheets/sheet1.xml", "word/document.xml"
    block = bytes(random.Random(0).choices(b"abcdefghij", k=20_000))
    far = zipped({"content.xml": "x", "mimetype": "application/vnd.oasis.opendocument.spreadsheet"})
    return {
        "bomb.xlsx": (zipped({sheet: bytes(80 * MB)}), "would unpack from"),
        "bomb.docx": (zipped({text: bytes(80 * MB)}), "would unpack from"),
        "laughs.docx": (changed(docx, text, lambda old: with_laughs(old, "token")), None),
        "laughs.xlsx": (changed(xlsx, sheet, lambda old: with_laughs(old, "token")), None),
        "far.xlsx": (
            changed(xlsx, sheet, with_row('<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')),
            "1,048,576 rows by 16,384 columns",
        ),
        "beyond.xlsx": (
            changed(xlsx, sheet, with_row('<row r="4294967297"><c r="ZZZZZZZ4294967297"><v>1</v></c></row>')),
            None,
        ),
        "long cell.xlsx": (
            changed(
                xlsx, sheet, with_row(f'<row r="3"><c r="A3" t="inlineStr"><is><t>{(block * 10_000).decode()}</t></is></c></row>')
            ),
            "longer than 16,000,000 characters",
        ),  # fmt: skip
        "span.docx": (
            changed(docx, text, lambda old: old.replace("<w:tcPr>", '<w:tcPr><w:gridSpan w:val="2000000000"/>', 1)),
            "2,000,000,000 columns",
        ),
        "long paragraph.docx": (
            changed(docx, text, lambda old: old.replace("token", (block * 6_600).decode())),
            "would unpack from",
        ),
        "far.ods": (far, "cannot be read as a spreadsheet"),
        "cut.xlsx": (xlsx[: len(xlsx) // 2], "damaged"),
        "cut.docx": (docx[: len(docx) // 2], "damaged"),
        "cut.json": (b'[{"a": 1}, {"a"', "not valid JSON"),
        "cut.pdf": (b"%PDF-1.7\n1 0 obj\n<<", "no pdf file"),
        "cut.parquet": (b"PAR1" + bytes(100) + b"PAR1", "no parquet file"),
        "locked.xlsx": (OLE + bytes(3000) + "EncryptedPackage".encode("utf-16-le"), "password"),
        "locked.docx": (OLE + bytes(4000) + "EncryptedPackage".encode("utf-16-le"), "password"),
        "noise.xls": (OLE + bytes(random.Random(1).choices(range(256), k=9000)), "spreadsheet"),
        "picture.xlsx": (b"\x89PNG\r\n\x1a\n" + bytes(99), "no .xlsx file"),
        "picture.csv": (b"\x89PNG\r\n\x1a\n\xff\xfe\x00\xff", "not text"),
        "book.docx": (xlsx, "Word document"),
        "letter.xlsx": (docx, "spreadsheet"),
        "web page.xls": (b"<html><table><tr><td>x", "no .xls file"),
        "empty.xlsx": (b"", "0 bytes"),
        "wide.csv": (b",".join([b"x"] * MB) + b"\n1\n", "1,000,000 columns"),
        "deep.json": (b"[" * 100_000, "expected a sample"),
        "nested.jsonl": (b'{"a":' * 100_000, "nested too deeply"),
        "long cell.csv": (b'a,b\n1,"' + b"x" * (200 * MB) + b'"\n', "line 2: longer than"),
        "long quoted cell.csv": (b'a,b\n1,"' + (b"x" * 99 + b"\n") * (MB // 2) + b'"\n', "line 2: a row of more"),
        "one line.txt": (b"x" * (20 * MB), "line 1: longer than"),
        "long chapter.md": (b"# a\n" + (b"x" * 99 + b"\n") * (MB // 4), "longer than"),
        "evil\x1b]0;title\x07\x1b[2J\u202e.csv": (b'a\n"x', "closed nowhere"),
        "two\nlines.xlsx": (b"hello", "no .xlsx file"),
    }  # fmt: skip


GOOD = {
    "formulas.csv": "a,b\n=cmd|' /C calc'!A0,+1\n",
    "escapes.csv": "a\n\x1b[31mred\x1b[0m \u202eright to left\u202c\n",
    "nuls.txt": "one\0\0two\n",
    "three\nlines.txt": "in a file of an odd name\n",
    "slow.md": "# a" + " " * 300_000 + "x\n" + "text\n",
    "ragged.csv": "a,b\n1,2\n1,2,3\n1\n",
}
# What comes before the fault in span.docx and in "long cell.xlsx" is kept, and said to be.
BEFORE_THE_FAULT = ["token", "token", "1"]
SAMPLES = ["=cmd|' /C calc'!A0", "+1", "\x1b[31mred\x1b[0m \u202eright to left\u202c", "onetwo",
           "in a file of an odd name", "text", "1", "2", "1", *BEFORE_THE_FAULT]  # fmt: skip


def is_plain(text):
    """Whether nothing in ``text`` moves a cursor, colours, or turns the direction of reading."""
    return not any(unicodedata.category(one) in ("Cc", "Cs", "Cf") for one in text if one != "\n")


def test_a_folder_of_nasty_files_is_answered_file_by_file_and_the_good_ones_are_built(
    project, nasty, tmp_path
):
    folder = tmp_path / "in"
    folder.mkdir()
    for name, (content, _says) in nasty.items():
        (folder / name).write_bytes(content)
    for name, text in GOOD.items():
        (folder / name).write_text(text, "utf-8")
    (folder / os.fsdecode(b"\xff\xfe.txt")).write_bytes(b"\xff\xff")
    os.mkfifo(folder / "pipe.txt")
    os.symlink(folder, folder / "loop")

    # VmHWM is this process's own peak; ru_maxrss would begin with the parent's.
    program = (
        "import sys; from tarot_tui.cli import main\n"
        f"code = main(['data', 'build', {str(folder)!r}, '-o', 'good', '--json', '--project', {str(project.root)!r}])\n"
        "peak = [line for line in open('/proc/self/status') if line.startswith('VmHWM')][0].split()[1]\n"
        "print(code, peak)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path)
    assert done.stderr == ""
    report, last = done.stdout.strip().split("\n")
    code, peak = map(int, last.split())
    assert code == 0
    assert peak < 300_000, f"{peak} kB"

    found = json.loads(report)
    problems = [one["text"] for one in found["findings"] if one["severity"] == "error"]
    assert len(problems) == len(nasty) + 1 == sum(bool(file["problem"]) for file in found["files"])
    assert all(is_plain(text) and "\n" not in text for text in problems)
    for name, (_content, says) in nasty.items():
        shown = " ".join(name.replace("\x1b]0;title\x07\x1b[2J\u202e", "").split())
        about = [text for text in problems if f"/{shown}" in text]
        assert len(about) == 1 and (says or "") in about[0], (name, about)
    assert sorted(one["output"] for one in dataset.load(project, "good")) == sorted(SAMPLES)


def test_what_people_see_of_it_is_plain(project, tmp_path, tarot):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "evil\x1b[2J\u202e\n.csv").write_text('\x1b[31ma\n"x')
    (folder / "fine\x1b[2J.csv").write_text("\x1b[31ma,b\nx,\u202ey\n")
    code, out, err = tarot("build", folder, "-o", "x")
    assert code == 0 and "closed nowhere" in out + err and is_plain(out + err)
    code, out, err = tarot("build", folder / "evil\x1b[2J\u202e\n.csv", "-o", "y")
    assert code == 2 and is_plain(err) and err.count("\n") == 1


def test_a_reader_out_of_memory_is_one_sentence_and_the_next_file_is_read(
    originals, written, workbook, monkeypatch
):
    # Ten million cells: no table of ours is refused for that alone.
    row = '<row r="1000000"><c r="J1000000"><v>1</v></c></row>'
    wide = written("wide.xlsx", changed(originals[0], "xl/worksheets/sheet1.xml", with_row(row)))
    monkeypatch.setattr(sources.contained, "MEMORY", 1 << 28)
    with pytest.raises(BadInput, match=r"wide\.xlsx is damaged, or needs more than 268\.4 MB of memory"):
        list(sources.tables(wide))
    assert len(list(sources.tables(workbook("a.xlsx", S=[("a",), ("b",)])))) == 1


@pytest.mark.parametrize(("limit", "value"), [("SECONDS", 0), ("PATIENCE", 0)])
def test_a_reader_that_computes_or_waits_too_long_is_one_sentence(workbook, monkeypatch, limit, value):
    long = workbook("b.xlsx", S=[("a",), *[(i,) for i in range(100_000)]])
    monkeypatch.setattr(sources.contained, limit, value)
    monkeypatch.setattr(sources.contained, "_spare", [])
    with pytest.raises(BadInput, match=r"b\.xlsx takes too long to read"):
        # Processor time is counted in whole seconds.
        for _attempt in range(100):
            for table in sources.tables(long):
                list(table.values)
    assert sources.contained._spare == []

"""Word documents, Markdown and PDF as rows."""

from __future__ import annotations

import zipfile

import pytest

from tarot_tui.data import sources
from tarot_tui.data.build import build

WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def paragraph(text):
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


@pytest.fixture
def word(tmp_path):
    """``word(fill, boxes=…, footnotes=…)``: a document that ``fill`` wrote; with parts python-docx cannot write."""

    def make(fill, boxes=(), footnotes=()):
        import docx

        document = docx.Document()
        fill(document)
        document.save(tmp_path / "plain.docx")
        boxed = "".join(
            '<w:p><w:r><mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006">'
            f'<mc:Choice Requires="wps"><w:txbxContent>{box}</w:txbxContent></mc:Choice>'
            f"<mc:Fallback><w:txbxContent>{box}</w:txbxContent></mc:Fallback></mc:AlternateContent></w:r></w:p>"
            for box in boxes
        )
        notes = f'<w:footnotes {WORD}><w:footnote w:type="separator" w:id="-1"><w:p/></w:footnote>'
        notes += "".join(f'<w:footnote w:id="{i}">{one}</w:footnote>' for i, one in enumerate(footnotes, 1))
        relation = (
            '<Relationship Id="rId99" Target="footnotes.xml" '
            'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/footnotes"/></Relationships>'
        )
        kind = (
            '<Override PartName="/word/footnotes.xml" ContentType="application/vnd.openxmlformats-officedocument.'
            'wordprocessingml.footnotes+xml"/></Types>'
        )
        with (
            zipfile.ZipFile(tmp_path / "plain.docx") as old,
            zipfile.ZipFile(tmp_path / "d.docx", "w") as new,
        ):
            for name in old.namelist():
                part = old.read(name).decode("utf-8", "surrogateescape")
                if name == "word/document.xml":
                    part = part.replace("<w:sectPr", boxed + "<w:sectPr", 1)
                if footnotes and name == "word/_rels/document.xml.rels":
                    part = part.replace("</Relationships>", relation)
                if footnotes and name == "[Content_Types].xml":
                    part = part.replace("</Types>", kind)
                new.writestr(name, part.encode("utf-8", "surrogateescape"))
            if footnotes:
                new.writestr("word/footnotes.xml", notes + "</w:footnotes>")
        return tmp_path / "d.docx"

    return make


def a_deck(document):
    document.add_heading("Deck", 0)
    document.add_paragraph(" intro ")
    document.add_heading("Love", 1)
    document.add_paragraph("one", style="List Bullet")
    document.add_paragraph("two", style="List Number")
    document.add_paragraph("three", style="List Number")
    document.add_heading("Deep", 2)
    document.add_paragraph("x")
    document.add_heading("Work", 1)


def test_paragraphs_come_with_the_heading_above_them(word, noted):
    _remarks, rows = noted(word(a_deck))
    assert rows["段落"] == [
        ["text", "heading"], ["Deck", ""], ["intro", "Deck"], ["Love", "Deck"], ["one", "Love"], ["two", "Love"],
        ["three", "Love"], ["Deep", "Love"], ["x", "Deep"], ["Work", "Deck"],
    ]  # fmt: skip


def test_chapters_hold_all_text_below_their_heading_with_the_marks_of_lists(word, noted):
    _remarks, rows = noted(word(a_deck))
    assert rows["章節"] == [
        ["heading", "body"],
        ["Deck", "intro"],
        ["Love", "- one\n1. two\n2. three"],
        ["Deep", "x"],
        ["Work", ""],
    ]


def test_tables_are_rows_and_a_merged_cell_counts_wherever_it_reaches(word, noted):
    def fill(document):
        document.add_paragraph("before")
        table = document.add_table(3, 2)
        for index, text in enumerate(("Card", "Meaning", "Fool", "leap\nnow", "", "x")):
            table.cell(index // 2, index % 2).text = text
        table.cell(1, 0).merge(table.cell(2, 0))
        document.add_paragraph("after")

    _remarks, rows = noted(word(fill))
    assert rows == {
        "段落": [["text", "heading"], ["before", ""], ["after", ""]],
        "表格1": [["Card", "Meaning"], ["Fool", "leap\nnow"], ["Fool", "x"]],
    }


def test_text_boxes_and_footnotes_are_read_once_each(word, noted):
    path = word(lambda document: None, [paragraph("boxed") + paragraph("two")], [paragraph("a note")])
    _remarks, rows = noted(path)
    assert rows["文字方塊"] == [["text"], ["boxed\ntwo"]]
    assert rows["註腳"] == [["text"], ["a note"]]


def test_without_a_template_headings_and_chapters_make_no_samples_of_their_own(project, word):
    report = build(project, [word(a_deck)], "deck")
    assert report.samples == 9  # the paragraphs


def test_a_document_without_lists_and_headings_has_paragraphs_only(word, noted):
    assert list(noted(word(lambda document: document.add_paragraph("x")))[1]) == ["段落"]


# markdown


def test_markdown_is_read_by_heading(written, noted):
    path = written(
        "a.md",
        "---\ntitle: x\n---\nintro\n\n# Fool #\nleap\n- now\n\n```\n# no heading\n```\n"
        "Magician\n===\nwill\n\nPriestess\n---\n#not\n\n## Empty\n",
    )
    _remarks, rows = noted(path)
    assert rows == {
        "章節": [
            ["heading", "body"],
            ["", "intro"],
            ["Fool", "leap\n- now\n\n```\n# no heading\n```"],
            ["Magician", "will"],
            ["Priestess", "#not"],
            ["Empty", ""],
        ]
    }


def test_a_rule_on_top_is_no_front_matter_and_a_list_no_heading(written, noted):
    _remarks, rows = noted(written("a.md", "---\n\ntext\n\n- item\n---\nend\n"))
    assert rows["章節"][1:] == [["", "---\n\ntext\n\n- item\n---\nend"]]


# pdf


def pdf(*pages):
    """A PDF of one line of text a page, in a Chinese font that is not embedded."""
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "",
        "<< /Type /Font /Subtype /Type0 /BaseFont /MSung-Light /Encoding /UniCNS-UTF16-H /DescendantFonts [4 0 R] >>",
        "<< /Type /Font /Subtype /CIDFontType0 /BaseFont /MSung-Light /FontDescriptor 5 0 R "
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (CNS1) /Supplement 4 >> >>",
        "<< /Type /FontDescriptor /FontName /MSung-Light /Flags 4 /FontBBox [0 0 1000 1000] /ItalicAngle 0 "
        "/Ascent 800 /Descent -200 /CapHeight 700 /StemV 80 >>",
    ]
    kids = []
    for text in pages:
        stream = f"BT /F 12 Tf 72 700 Td <{text.encode('utf-16-be').hex()}> Tj ET"
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
        objects.append(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Resources << /Font << /F 3 0 R >> >> "
            f"/Contents {len(objects)} 0 R >>"
        )
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    made, offsets = b"%PDF-1.5\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(made))
        made += f"{number} 0 obj\n{content}\nendobj\n".encode()
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(made)}\n%%EOF\n".encode()
    return made + b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table + trailer


def test_a_pdf_is_a_row_a_page_and_pages_without_text_are_said(written, noted):
    remarks, rows = noted(written("a.pdf", pdf("愚者 The Fool", "", "魔術師")))
    assert rows == {"頁": [["text"], ["愚者 The Fool"], [""], ["魔術師"]]}
    assert remarks["data.pages_without_text"].startswith("a.pdf: 1 of 3 pages hold no text")


def test_headings_need_no_second_reading_of_a_preview(word):
    assert [header.section for header in sources.headers(word(a_deck))] == ["段落", "章節"]

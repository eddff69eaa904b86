"""Spreadsheets of every kind: cells as a person reads them, and what is remarked about a sheet."""

from __future__ import annotations

import zipfile
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest

from tarot_tui.data import sources
from tarot_tui.data.sources import contained
from tarot_tui.errors import BadInput

XLS = Path(__file__).parent / "files" / "cards.xls"


@pytest.fixture
def styled(tmp_path):
    """``styled(cells, merged=…)``: an xlsx whose cells may be (value, number format)."""

    def make(cells, merged=(), hidden_rows=(), hidden_sheets=(), name="styled.xlsx"):
        import openpyxl

        book = openpyxl.Workbook()
        sheet = book.active
        sheet.title = "S"
        for place, value in cells.items():
            sheet[place], sheet[place].number_format = (
                value if isinstance(value, tuple) else (value, "General")
            )
        for area in merged:
            sheet.merge_cells(area)
        for row in hidden_rows:
            sheet.row_dimensions[row].hidden = True
        for title in hidden_sheets:
            hidden = book.create_sheet(title)
            hidden.append(["x"])
            hidden.sheet_state = "hidden"
        book.save(tmp_path / name)
        return tmp_path / name

    return make


def test_cells_read_as_a_person_reads_them(workbook, noted):
    values = [
        0,
        1.5,
        0.1 + 0.2,
        True,
        date(2024, 8, 21),
        datetime(2024, 8, 21, 9, 5),
        time(7, 30),
        "  x \r\ny\t",
    ]
    header = [f"c{i}" for i in range(len(values) + 1)]
    path = workbook("a.xlsx", S=[header, [*values, timedelta(hours=30)]])
    expected = ["0", "1.5", "0.3", "TRUE", "2024-08-21", "2024-08-21 09:05", "07:30", "x \ny", "30:00:00"]
    assert noted(path) == ({}, {"S": [header, expected]})


def test_numbers_are_shown_in_the_format_of_their_cells(styled, noted):
    formats = ["0%", "0.0%", "00000", "#,##0.00", '"NT$"#,##0', "yyyy-mm-dd", "@", "# ?/?"]
    values = [0.25, 0.125, 123, 1234.5, 5000, date(2024, 8, 21), "0.5", 0.5]
    cells = {f"{letter}3": letter for letter in "CDEFGHIJ"}
    cells |= {
        f"{letter}5": pair for letter, pair in zip("CDEFGHIJ", zip(values, formats, strict=True), strict=True)
    }
    _remarks, rows = noted(styled(cells))
    expected = ["25%", "12.5%", "00123", "1,234.50", "NT$5,000", "2024-08-21", "0.5", "0.5"]
    assert rows == {"S": [list("CDEFGHIJ"), [""] * 8, expected]}


def test_the_header_is_the_first_row_in_use_and_empty_rows_count_below_it(workbook):
    path = workbook("a.xlsx", S=[[], ["A\n b", None, "A b"], ["1"], [], [None, "x", "2"]])
    assert sources.headers(path)[0].columns == ("A b", "Unnamed: 1", "A b.1")
    found = [(row.number, list(row.cells.values())) for row in sources.read_rows(path)]
    assert found == [(1, ["1", "", ""]), (2, ["", "", ""]), (3, ["", "x", "2"])]


def test_a_table_far_down_is_found(styled, noted):
    _remarks, rows = noted(styled({"B500": "Card", "C500": "Meaning", "B501": "Fool", "C501": "leap"}))
    assert rows == {"S": [["Card", "Meaning"], ["Fool", "leap"]]}


def test_a_title_above_the_columns_is_left_out_and_said(workbook, noted):
    path = workbook(
        "a.xlsx", S=[["My deck"], ["made 2024"], ["Card", "Up", "Down"], ["Fool", "leap", "fear"]]
    )
    remarks, rows = noted(path)
    assert rows == {"S": [["Card", "Up", "Down"], ["Fool", "leap", "fear"]]}
    assert remarks == {
        "data.header_row": "a.xlsx 'S': row 3 names the columns; what stands above it was left out."
    }


def test_the_header_row_can_be_set_and_is_counted_as_the_program_counts(workbook, noted):
    path = workbook("a.xlsx", S=[[], ["x", "y"], ["Card", "Meaning"], ["Fool", "leap"]])
    assert noted(path, header=3) == ({}, {"S": [["Card", "Meaning"], ["Fool", "leap"]]})
    with pytest.raises(BadInput, match=r"a\.xlsx 'S': there is no row 7"):
        noted(path, header=7)


def test_chosen_sheets_alone_are_read(workbook, noted):
    path = workbook("a.xlsx", A=[("a",), (1,)], B=[("b",), (2,)], C=[("c",), (3,)])
    assert noted(path, sheets=("C", "A", "not here"))[1] == {"A": [["a"], ["1"]], "C": [["c"], ["3"]]}


def test_a_cell_merged_over_rows_counts_for_each_and_one_over_columns_once(styled, noted):
    cells = {"A1": "Suit", "B1": "Card", "C1": "Meaning", "A2": "Cups", "B2": "Ace", "C2": "joy", "B3": "Two",
             "C3": "bond", "A5": "a caption", "A6": "Wands", "B6": "Ace", "C6": "fire"}  # fmt: skip
    remarks, rows = noted(styled(cells, merged=["A2:A4", "A5:C5"]))
    assert rows["S"][1:] == [
        ["Cups", "Ace", "joy"], ["Cups", "Two", "bond"], ["Cups", "", ""], ["a caption", "", ""], ["Wands", "Ace", "fire"]
    ]  # fmt: skip
    assert "1 cells merged over several rows" in remarks["data.merged_cells"]


def test_hidden_rows_and_sheets_are_read_and_named(styled, noted):
    cells = {"A1": "Card", "A2": "Fool", "A3": "Magician", "A4": "Priestess"}
    remarks, rows = noted(styled(cells, hidden_rows=[2, 4], hidden_sheets=["Notes"]))
    assert rows == {"S": [["Card"], ["Fool"], ["Magician"], ["Priestess"]], "Notes": [["x"]]}
    assert remarks["data.hidden_rows"] == "styled.xlsx 'S': 2 hidden rows were read (2, 4)."
    assert remarks["data.hidden_sheet"] == "styled.xlsx 'Notes': this sheet is hidden and was read."


def test_a_formula_gives_its_stored_value_and_one_without_is_said(styled, noted, tmp_path):
    path = styled({"A1": "a", "B1": "b", "A2": "=1+1", "B2": "=2+2"})
    stored = tmp_path / "stored.xlsx"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(stored, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b"<f>1+1</f><v></v>", b"<f>1+1</f><v>2</v>"))
    remarks, rows = noted(stored)
    assert rows["S"][1] == ["2", ""]
    assert "1 formulas hold no computed value" in remarks["data.formulas"]


@pytest.mark.parametrize("name", ["cards.xls", "renamed.xlsx"])
def test_an_old_binary_workbook_is_read_whatever_its_name(tmp_path, noted, name):
    path = tmp_path / name
    path.write_bytes(XLS.read_bytes())
    remarks, rows = noted(path)
    assert rows["牌"] == [
        ["Card", "Share", "Date", "Sure"],
        ["愚者", "0.25", "2024-08-21", "TRUE"],
        ["愚者", "7", "", ""],
    ]
    assert "'Hidden'" in remarks["data.hidden_sheet"]


def test_a_new_workbook_under_an_old_name_is_read(deck, noted):
    assert len(noted(deck.rename(deck.with_suffix(".xls")))[1]["塔羅牌"]) == 4


@pytest.mark.parametrize("suffix", [".xlsm", ".XLSX"])
def test_a_workbook_with_macros_or_a_loud_name_is_read(deck, noted, suffix):
    assert len(noted(deck.rename(deck.with_suffix(suffix)))[1]["塔羅牌"]) == 4


def test_a_process_that_finished_a_file_reads_the_next(deck, workbook, noted):
    noted(deck)
    process = contained._spare[0]
    noted(workbook("b.xlsx", S=[("a",), (1,)]))
    assert contained._spare == [process] and process.child.poll() is None


def test_a_reader_that_is_left_early_takes_its_process_along(workbook):
    path = workbook("a.xlsx", S=[("a",), *[(i,) for i in range(30_000)]])
    tables = sources.tables(path)
    rows = next(tables).rows()
    process = tables.gi_yieldfrom.gi_frame.f_locals["process"]
    assert next(rows).cells == {"a": "0"}
    tables.close()
    assert process.child.poll() is not None
    assert sum(1 for _row in sources.read_rows(path)) == 30_000

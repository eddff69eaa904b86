"""Which suffixes are read, by which module, and whether in a process of its own."""

from __future__ import annotations

#: suffix → the module that reads it.
KINDS = {
    ".xlsx": "workbook",
    ".xlsm": "workbook",
    ".xlsb": "workbook",
    ".xls": "workbook",
    ".ods": "workbook",
    ".csv": "delimited",
    ".tsv": "delimited",
    ".docx": "document",
    ".txt": "lines",
    ".md": "markdown",
    ".json": "records",
    ".jsonl": "records",
    ".parquet": "parquet",
    ".pdf": "pages",
}

#: Modules on large parsers that a hostile file could crash.
CONTAINED = {"workbook", "document", "parquet", "pages"}

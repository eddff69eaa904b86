"""Which suffixes are read, and by which module."""

from __future__ import annotations

#: suffix → the module that reads it.
KINDS = {
    ".xlsx": "workbook",
    ".csv": "delimited",
    ".tsv": "delimited",
    ".docx": "document",
    ".txt": "lines",
}

"""``python -m tarot_tui.tui.preview``: asked for the columns and first samples of a request, as one types it.

A process of its own, so that the readers of documents never enter the screen's. It keeps the first rows of each
document, so that another template, or a letter more of one, costs next to nothing. Speaks as
:func:`tarot_tui.training.child.serve` does.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from tarot_tui.data import applying, fitting, ready, template
from tarot_tui.data.sources import Header, Reading, Row, collect, tables
from tarot_tui.data.template import Template
from tarot_tui.errors import BadInput
from tarot_tui.training import child

#: Samples that are shown.
_COUNT = 6
#: Rows of a table that are kept; after them the next table is tried.
_ROWS = 200


@dataclass(frozen=True)
class _Beginning:
    """A table's header and its first rows."""

    header: Header
    rows: list[Row]

    def as_dict(self) -> dict[str, Any]:
        """name: of file and section. columns: pairs of a column and the first cell of it that holds something."""
        examples = dict.fromkeys(self.header.columns, "")
        for row in self.rows:
            for name, text in row.cells.items():
                examples[name] = examples[name] or text[:200]
        file, section = self.header.source.name, self.header.section
        return {
            "name": f"{file} {section}".strip(),
            "columns": [
                [name, text] for name, text in examples.items() if text or not name.startswith("Unnamed: ")
            ],
        }


_kept: dict[Path, tuple[tuple[int, int], list[_Beginning]]] = {}


def preview(request: dict[str, Any], _say: Callable[[str], None] = lambda _line: None) -> dict[str, Any]:
    """What a request would make.

    ``root``: the project. ``sources``: paths in it. ``template``: a path in it, '' for one sample per cell. ``text``:
    what the template is to be, null for what it is. Returns ``tables`` (see :class:`_Beginning`), ``samples`` (the
    first ones), ``skipped`` (what was passed over, see :class:`applying.Skipped`), ``wrong`` (what is wrong with the template, '' if nothing is) and ``problems`` (sentences about files
    that cannot be read). Raises BadInput for sources that are not there.
    """
    root = Path(request["root"])
    found, problems = [], []
    for file in collect([root / source for source in request["sources"]]):
        try:
            found += _beginnings(file)
        except BadInput as error:
            problems.append(str(error))
    shown = applying.Preview()
    wrong = ""
    try:
        rules = _rules(root, request)
        if request["template"]:
            fitting.check(rules, root / request["template"], [one.header for one in found])
        shown = _made(found, rules)
    except BadInput as error:
        wrong = str(error)  # the columns are what one needs to mend it
    return {
        "tables": [one.as_dict() for one in found],
        "samples": shown.samples,
        "skipped": [asdict(one) for one in shown.skipped],
        "wrong": wrong,
        "problems": problems,
    }


def _beginnings(file: Path) -> list[_Beginning]:
    now = file.stat()
    stamp = (now.st_size, now.st_mtime_ns)
    if _kept.get(file, ((), []))[0] != stamp:
        _kept[file] = (
            stamp,
            [
                _Beginning(table.head(), list(islice(table.rows(), _ROWS)))
                for table in tables(file, Reading(preview=True))
            ],
        )
    return _kept[file][1]


def _made(found: list[_Beginning], rules: Template) -> applying.Preview:
    shown = applying.Preview()
    for one in found:
        if (wanted := _COUNT - len(shown.samples)) <= 0:
            break
        more = applying.preview(rules, one.header, one.rows, wanted)
        shown.samples += more.samples
        shown.skipped += more.skipped
    return shown


def _rules(root: Path, request: dict[str, Any]) -> Template:
    if not request["template"]:
        default = ready.path_of(ready.DEFAULT)
        assert default
        return template.load(default)
    path = root / request["template"]
    if request.get("text") is None:
        return template.load(path)
    with _written(path, request["text"]) as draft:
        try:
            return template.load(draft)
        except BadInput as error:
            raise BadInput(str(error).replace(str(draft), path.name)) from None


@contextmanager
def _written(path: Path, text: str) -> Iterator[Path]:
    """``text`` in a file beside ``path``, since a template may name other files from where it is."""
    with tempfile.NamedTemporaryFile(prefix=f".{path.name}.", suffix=".part", dir=path.parent) as file:
        file.write(text.encode("utf-8", "replace"))
        file.flush()
        yield Path(file.name)


if __name__ == "__main__":
    child.serve(preview)

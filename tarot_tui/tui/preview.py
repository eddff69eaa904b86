"""``python -m tarot_tui.tui.preview [--template T] SRC…``: the columns and first samples of a request, as JSON.

A process of its own, so that the readers of documents (pandas, python-docx) never enter the screen's.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from tarot_tui.data import build, template
from tarot_tui.data.sources import collect, columns, headers, tables
from tarot_tui.data.template import Sample, Template
from tarot_tui.errors import TarotError

#: Samples that are shown.
_COUNT = 6
#: Rows of a table after which the next table is tried.
_ROWS = 200


def preview(sources: list[Path], template_path: Path | None) -> dict[str, object]:
    """``tables``: name and ``[column, example]`` pairs of each; ``samples``: the first ones. Raises BadInput."""
    files = collect(sources)
    chosen = template.load(template_path) if template_path else None
    if chosen:
        template.check(chosen, template_path, [header for file in files for header in headers(file)])
    found = [
        {"name": " ".join(filter(None, (file.name, name if name != file.name else ""))), "columns": named}
        for file in files
        for name, named in columns(file).items()
    ]
    return {"tables": found, "samples": list(islice(_samples(files, chosen), _COUNT))}


def _samples(files: list[Path], chosen: Template | None) -> Iterator[Sample]:
    for file in files:
        for table in tables(file):
            if chosen is None:
                for row in islice(table.rows(), _ROWS):
                    yield from build.cell_samples(table, row)
            elif patterns := chosen.fitting(table):
                for row in islice(table.rows(), _ROWS):
                    filled = (one.fill(row.cells, with_system=chosen.has_system) for one in patterns)
                    yield from filter(None, filled)


def main() -> int:
    """Print the preview, or the one sentence that says why there is none."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--template", type=Path)
    parser.add_argument("sources", nargs="+", type=Path)
    args = parser.parse_args()
    try:
        found = preview(args.sources, args.template)
    except TarotError as error:
        print(f"tarot-tui: {error}", file=sys.stderr)
        return error.exit_code
    print(json.dumps(found, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())

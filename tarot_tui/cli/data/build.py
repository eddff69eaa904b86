"""``tarot-tui data build SRC… -o NAME [--template T]``"""

from __future__ import annotations

import shlex
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from tarot_tui.cli.output import emit, findings, project_of, say
from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.text import one_line

if TYPE_CHECKING:
    from tarot_tui.data.record import FileReport
    from tarot_tui.project import Project


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument(
        "sources", nargs="+", type=Path, metavar="SRC", help=_("files, or folders with all in them")
    )
    parser.add_argument("-o", "--output", required=True, metavar="NAME", help=_("name of the dataset"))
    parser.add_argument(
        "--template",
        type=Path,
        default=None,
        metavar="FILE",
        help=_(
            "how rows become samples: a file, one of templates/, or a name from 'data templates' "
            "(default: files of samples as they are, else one sample per cell, paragraph or line)"
        ),
    )
    parser.add_argument(
        "--sheets",
        default=None,
        metavar="A,B",
        help=_("only these sheets of workbooks (default: the template's)"),
    )
    parser.add_argument(
        "--header",
        type=int,
        default=None,
        metavar="N",
        help=_("the row that names the columns (default: found)"),
    )
    parser.add_argument(
        "--replace",
        action="store_true",
        default=False,
        help=_("also replace a dataset that was not built here"),
    )


def run(args: Namespace) -> int:
    """``--json``: name, path, samples, files (path, rows, samples, left_out, sha256), findings."""
    from tarot_tui.data.build import build
    from tarot_tui.data.sources import Reading

    if args.header is not None and args.header < 1:
        raise BadInput(_("--header counts rows from 1."))
    sheets = tuple(name.strip() for name in (args.sheets or "").split(",") if name.strip())
    project = project_of(args)
    report = build(
        project,
        args.sources,
        args.output,
        _template(project, args.template),
        reading=Reading(header=args.header, sheets=sheets),
        replace=args.replace,
        on_file=lambda file: say(args, _counts(file)),
    )
    if args.json:
        emit(report.as_dict() | {"path": project.relative(report.path)})
        return 0
    say(args, *findings(report.findings))
    say(
        args,
        _("{count} samples in {file}").format(count=report.samples, file=project.relative(report.path)),
        _("next: {command}").format(command=f"tarot-tui data show {shlex.quote(report.name)}"),
    )
    return 0


def _template(project: Project, path: Path | None) -> Path | None:
    """The template as named, or of that name in the project's folder of templates, or a ready one."""
    from tarot_tui.data import ready

    if path is None or path.is_file():
        return path
    for candidate in (project.templates / path, project.templates / f"{path}.yaml"):
        if candidate.is_file():
            return candidate
    return ready.path_of(str(path)) or path


def _counts(file: FileReport) -> str:
    return _("{file}: {rows} rows, {samples} samples").format(
        file=one_line(file.path), rows=file.rows, samples=file.samples
    )

"""``tarot-tui data build SRC… -o NAME [--template T]``, ``data show NAME [-n N]``, ``data list``"""

from __future__ import annotations

import argparse
import shlex
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from tarot_tui.cli import common
from tarot_tui.cli.output import emit, findings, project_of, say, table
from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.text import one_line, plain

if TYPE_CHECKING:
    from tarot_tui.data.build import FileReport
    from tarot_tui.data.show import Summary
    from tarot_tui.project import Project

_FIELDS = ("system", "instruction", "input", "output")


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own verbs and their options."""
    verbs = parser.add_subparsers(dest="what", required=True, metavar="build|show|list")
    build = _verb(verbs, "build", _("make a dataset of xlsx, csv, docx and txt files"))
    build.add_argument(
        "sources", nargs="+", type=Path, metavar="SRC", help=_("files, or folders with all in them")
    )
    build.add_argument("-o", "--output", required=True, metavar="NAME", help=_("name of the dataset"))
    build.add_argument(
        "--template",
        type=Path,
        default=None,
        metavar="FILE",
        help=_("how rows become samples (default: one sample per cell, paragraph or line)"),
    )
    build.add_argument(
        "--replace",
        action="store_true",
        default=False,
        help=_("also replace a dataset that was not built here"),
    )
    show = _verb(verbs, "show", _("count a dataset and print its first samples"))
    show.add_argument("name", metavar="NAME", help=_("name of the dataset"))
    show.add_argument(
        "-n", type=int, default=5, dest="count", metavar="N", help=_("how many samples (default: 5)")
    )
    _verb(verbs, "list", _("list the datasets of this project"))


def _verb(verbs: argparse._SubParsersAction, name: str, what: str) -> ArgumentParser:  # type: ignore[type-arg]
    # SUPPRESS: an option given before the inner verb must not be reset by its default after it.
    parser = verbs.add_parser(name, help=what, description=what, argument_default=argparse.SUPPRESS)
    common(parser)
    return parser


def run(args: Namespace) -> int:
    """Build, show or list."""
    return {"build": _build, "show": _show, "list": _list}[args.what](args)


def _build(args: Namespace) -> int:
    """``--json``: name, path, samples, files (path, rows, samples, left_out, sha256), findings."""
    from tarot_tui.data.build import build

    project = project_of(args)
    report = build(
        project,
        args.sources,
        args.output,
        _template(project, args.template),
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
    """The template as named, or of that name in the project's folder of templates."""
    if path is None or path.exists():
        return path
    for candidate in (project.templates / path, project.templates / f"{path}.yaml"):
        if candidate.is_file():
            return candidate
    return path


def _counts(file: FileReport) -> str:
    return _("{file}: {rows} rows, {samples} samples").format(
        file=one_line(file.path), rows=file.rows, samples=file.samples
    )


def _show(args: Namespace) -> int:
    """``--json``: the fields of ``tarot_tui.data.show.Summary``."""
    from tarot_tui.data.show import summary

    if args.count < 0:
        raise BadInput(_("-n {count}: the number of samples cannot be negative.").format(count=args.count))
    project = project_of(args)
    found = summary(project, args.name, args.count)
    if args.json:
        emit(found.as_dict())
        return 0
    say(args, *_about(found))
    for number, sample in enumerate(found.first, 1):
        print(plain(f"\n[{number}]\n" + "\n".join(_lines(sample))))
    return 0


def _about(found: Summary) -> list[str]:
    lines = [
        f"{one_line(found.name)}  {one_line(found.file)}  ({found.formatting})",
        _(
            "{samples} samples, {turns} answers, the longest of {longest} characters; {system} with a system prompt"
        ).format(
            samples=found.samples, turns=found.turns, longest=found.longest_answer, system=found.with_system
        ),
    ]
    if found.built:
        lines.append(
            _("built {time} from {sources}").format(
                time=one_line(found.built), sources=one_line(", ".join(found.sources))
            )
        )
    return lines


def _lines(sample: dict[str, str]) -> list[str]:
    turns = [f"{_('earlier')}: {question}\n→ {answer}" for question, answer in sample.get("history", ())]
    return turns + [f"{key}: {sample[key]}" for key in _FIELDS if sample.get(key)]


def _list(args: Namespace) -> int:
    """``--json``: one list of ``tarot_tui.data.show.Summary``, counts null where only reading would tell."""
    from tarot_tui.data.show import overview

    found = overview(project_of(args))
    if args.json:
        emit([one.as_dict() for one in found])
    elif not found:
        say(args, _("No datasets yet: 'tarot-tui data build' makes one."))
    else:
        rows = [
            (
                one_line(one.name),
                "–" if one.samples is None else str(one.samples),
                one.formatting,
                one_line(one.problem or one.file or "–"),
            )
            for one in found
        ]
        for line in table(rows, (_("name"), _("samples"), _("format"), _("file"))):
            print(plain(line))
    return 0

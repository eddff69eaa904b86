"""``tarot-tui data convert NAME|FILE --to alpaca|messages|sharegpt [--jsonl] -o NAME``"""

from __future__ import annotations

import shlex
from argparse import ArgumentParser, Namespace

from tarot_tui.cli.output import emit, findings, project_of, say
from tarot_tui.locale import _


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument(
        "source", metavar="NAME|FILE", help=_("a dataset, or a .json, .jsonl or .parquet file")
    )
    parser.add_argument("-o", "--output", required=True, metavar="NAME", help=_("name of the new dataset"))
    parser.add_argument(
        "--to",
        required=True,
        choices=("alpaca", "messages", "sharegpt"),
        help=_("instruction and output; OpenAI's messages; or ShareGPT's conversations"),
    )
    parser.add_argument(
        "--jsonl", action="store_true", default=False, help=_("a sample a line, instead of one list")
    )
    parser.add_argument(
        "--replace",
        action="store_true",
        default=False,
        help=_("also replace a dataset that was not built here"),
    )


def run(args: Namespace) -> int:
    """``--json``: name, path, samples, left_out, findings."""
    from tarot_tui.data.convert import convert

    project = project_of(args)
    report = convert(project, args.source, args.output, args.to, lines=args.jsonl, replace=args.replace)
    path = project.relative(report.path)
    if args.json:
        emit(report.as_dict() | {"path": path})
        return 0
    say(
        args,
        *findings(report.findings),
        _("{count} samples in {file}").format(count=report.samples, file=path),
        _("next: {command}").format(command=f"tarot-tui data show {shlex.quote(report.name)}"),
    )
    return 0

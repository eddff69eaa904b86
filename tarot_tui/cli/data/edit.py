"""``tarot-tui data edit NAME N [--set PART=TEXT]…``"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from argparse import ArgumentParser, Namespace
from pathlib import Path

from tarot_tui.cli.output import emit, project_of, say
from tarot_tui.errors import BadInput, TarotError
from tarot_tui.locale import _
from tarot_tui.project import Project, replacing
from tarot_tui.text import one_line

_EDITORS = ("sensible-editor", "nano", "vim", "vi", "emacs")


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("name", metavar="NAME", help=_("name of the dataset"))
    parser.add_argument("number", type=int, metavar="N", help=_("number of the sample; 1 is the first"))
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="values",
        metavar="PART=TEXT",
        help=_("change one part without an editor, such as output=…; may be repeated"),
    )


def run(args: Namespace) -> int:
    """``--json``: change (its number, 0 when nothing was changed), dataset, sample (its number)."""
    from tarot_tui.data import editing
    from tarot_tui.data.preview import Preview

    project = project_of(args)
    preview = Preview(project, args.name).settle()
    before = preview.raw(args.number)
    after = (
        editing.with_values(preview.entry, before, _values(args.values))
        if args.values
        else _edited(project, preview, args.number, before)
    )
    change = preview.change([args.number], "edit", after) if after != before else 0
    if args.json:
        emit({"change": change, "dataset": args.name, "sample": args.number})
    elif not change:
        say(args, _("Nothing was changed."))
    else:
        say(
            args,
            _("Sample {number} is edited; the file stays as it is.").format(number=args.number),
            _("take it back: {command}").format(command=f"tarot-tui data undo {shlex.quote(args.name)}"),
        )
    return 0


def _values(given: list[str]) -> dict[str, str]:
    values = {}
    for one in given:
        part, equals, text = one.partition("=")
        if not equals:
            raise BadInput(_("--set {given}: write PART=TEXT.").format(given=one_line(one, 60)))
        values[part.strip()] = text
    return values


def _edited(project: Project, preview, number: int, raw: dict) -> dict:  # type: ignore[no-untyped-def]
    from tarot_tui.data import editing

    project.state.mkdir(exist_ok=True)
    path = project.state / f"sample-{number}.txt"
    text = editing.to_text(preview.entry, raw)
    # The sample is the user's: nobody else needs to read along.
    with replacing(path, 0o600) as temporary:
        temporary.write_text(text, "utf-8", newline="")
    _edit(path)
    try:
        found = path.read_text("utf-8")
        after = raw if found == text else editing.from_text(preview.entry, raw, found)
    except UnicodeDecodeError:
        raise BadInput(_("{file} is not UTF-8 text: save it as UTF-8.").format(file=path)) from None
    except BadInput as error:
        raise BadInput(_("{problem} Your text is kept in {file}.").format(problem=error, file=path)) from None
    path.unlink()
    return after


def _edit(path: Path) -> None:
    """Let the user edit ``path`` in ``$VISUAL`` or ``$EDITOR``, which may hold options, or in any editor there is."""
    wished = os.environ.get("VISUAL") or os.environ.get("EDITOR") or ""
    try:
        argv = shlex.split(wished) or [next(filter(shutil.which, _EDITORS))]
    except ValueError:
        raise BadInput(
            _("$EDITOR cannot be understood: {editor}").format(editor=one_line(wished, 60))
        ) from None
    except StopIteration:
        raise BadInput(_("No editor was found: name one in $EDITOR, or use --set.")) from None
    try:
        code = subprocess.run([*argv, str(path)], check=False).returncode
    except OSError as error:
        raise BadInput(
            _("The editor {editor} cannot be started: {reason}.").format(
                editor=one_line(argv[0], 60), reason=error.strerror
            )
        ) from None
    if code:
        raise TarotError(
            _("The editor ended with code {code}; nothing was changed. Your text is kept in {file}.").format(
                code=code, file=path
            )
        )

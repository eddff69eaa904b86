"""``tarot-tui recipe import FILE|- [-o NAME] [--set key=value]… [--replace]``"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from tarot_tui.cli.output import emit, findings, project_of, say
from tarot_tui.cli.recipe.new import output_options
from tarot_tui.cli.train import set_option
from tarot_tui.errors import BadInput, Refused
from tarot_tui.locale import _

#: No configuration is longer, in bytes.
_LIMIT = 1_000_000


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument(
        "file",
        metavar="FILE",
        help=_("a LLaMA-Factory YAML, a LlamaBoard config, or a command line; - for what is piped in"),
    )
    output_options(parser, _("write the mended recipe under this name (default: only print it)"))
    set_option(parser)


def run(args: Namespace) -> int:
    """Print findings and the mended recipe, or write it; exit 3 when it cannot be used.

    ``--json``: ``{"form", "findings", "changed": {key: {"from", "to", "why"}}, "recipe": values or null, "yaml",
    "written": path or null}``.
    """
    from tarot_tui.training.importing import as_yaml, import_text
    from tarot_tui.training.recipe import write

    project = project_of(args)
    where = _("the input") if args.file == "-" else args.file
    found = import_text(project, _text(args.file), where, args.overrides)
    yaml = as_yaml(found, where) if found.recipe else ""
    path = write(project, args.name, yaml, replace=args.replace) if args.name and found.usable else None
    if args.json:
        values = found.recipe.model_dump() if found.recipe else {}
        emit(
            {
                "form": found.form,
                "findings": [finding.as_dict() for finding in found.findings],
                "changed": {
                    key: {"from": found.original.get(key), "to": values.get(key), "why": why}
                    for key, why in found.notes.items()
                },
                "recipe": values or None,
                "yaml": yaml,
                "written": project.relative(path) if path else None,
            }
        )
    say(args, *findings(found.findings))
    if not found.usable:
        say(args, "", _("Not a recipe yet: what is marked FAIL must be given or changed first."))
        return Refused.exit_code
    if path:
        say(
            args,
            "",
            _("The mended recipe is {file}. What it will do here: tarot-tui train {name} --dry-run").format(
                file=project.relative(path), name=path.stem
            ),
        )
    elif not args.json:
        say(args, "", _("The mended recipe; -o NAME writes it:"), "")
        print(yaml, end="")
    return 0


def _text(file: str) -> str:
    if file == "-":
        return sys.stdin.read(_LIMIT)
    try:
        if Path(file).stat().st_size > _LIMIT:
            raise BadInput(_("{file} is too large to be a configuration.").format(file=file))
        return Path(file).read_text("utf-8")
    except UnicodeDecodeError:
        raise BadInput(_("{file} is not UTF-8 text: save it as UTF-8.").format(file=file)) from None
    except OSError as error:
        raise BadInput(
            _("{file} cannot be read: {reason}.").format(file=file, reason=error.strerror)
        ) from None

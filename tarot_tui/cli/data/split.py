"""``tarot-tui data split NAME --eval 0.1``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from tarot_tui.cli.output import emit, project_of, say
from tarot_tui.errors import BadInput
from tarot_tui.locale import _


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("name", metavar="NAME", help=_("name of the dataset"))
    parser.add_argument(
        "--eval",
        type=float,
        required=True,
        dest="share",
        metavar="SHARE",
        help=_("about this share of the samples is only measured on, such as 0.1"),
    )
    parser.add_argument(
        "--names",
        default=None,
        metavar="TRAIN,EVAL",
        help=_("names of the two datasets (default: NAME-train,NAME-eval)"),
    )
    parser.add_argument(
        "--replace",
        action="store_true",
        default=False,
        help=_("also replace datasets that were not built here"),
    )


def run(args: Namespace) -> int:
    """``--json``: train and eval, each with name, path, samples."""
    from tarot_tui.data.split import split

    names = args.names.split(",") if args.names else None
    if names is not None and len(names) != 2:
        raise BadInput(_("--names takes two names with a comma between them."))
    project = project_of(args)
    train, evaluation = split(
        project, args.name, args.share, names=(names[0], names[1]) if names else None, replace=args.replace
    )
    if args.json:
        both = {"train": train, "eval": evaluation}
        emit(
            {
                side: {"name": one.name, "path": project.relative(one.path), "samples": one.samples}
                for side, one in both.items()
            }
        )
        return 0
    for one in (train, evaluation):
        say(
            args,
            _("{count} samples in {file}").format(count=one.samples, file=project.relative(one.path)),
        )
    say(
        args,
        _("In a recipe: {keys}").format(keys=f"dataset: {train.name}, eval_dataset: {evaluation.name}"),
    )
    return 0

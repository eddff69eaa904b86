"""``tarot-tui models get NAME [--from hub|modelscope]``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from tarot_tui.cli.asking import agreed
from tarot_tui.cli.output import emit, project_of, say
from tarot_tui.cli.progress import Progress
from tarot_tui.locale import _
from tarot_tui.text import one_line, size


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own options."""
    parser.add_argument("name", metavar="NAME", help=_("its name on the hub, such as Qwen/Qwen3-8B"))
    parser.add_argument(
        "--from",
        dest="source",
        choices=("hub", "modelscope"),
        default=None,
        help=_("the Hugging Face hub, or ModelScope (also: USE_MODELSCOPE_HUB=1)"),
    )
    parser.add_argument("-y", "--yes", action="store_true", default=False, help=_("do not ask"))


def run(args: Namespace) -> int:
    """``--json``: job, name, size (bytes), state, reason."""
    from tarot_tui.hub.launch import launch, offer
    from tarot_tui.jobs.follow import closing_words, exit_code, follow

    project = project_of(args)
    wanted = offer(args.name, modelscope=_from_modelscope(args))
    missing = max(0, wanted.size - wanted.here)
    question = _("Fetch {name}: {missing} of {size}, with {free} free?").format(
        name=one_line(wanted.name, 80), missing=size(missing), size=size(wanted.size), free=size(wanted.free)
    )
    if missing and not agreed(args, question):
        say(args, _("Nothing was fetched."))
        return 3
    job = launch(project, wanted)
    say(args, _("Fetching as {job}; it goes on when this terminal is closed.").format(job=job.name))
    with Progress(args) as progress:
        ended = follow(job, on_line=lambda line: None, on_status=progress.show)
    if args.json:
        emit(
            {
                "job": job.name,
                "name": wanted.name,
                "size": wanted.size,
                "state": ended.state,
                "reason": ended.reason,
            }
        )
    else:
        say(args, closing_words(job, ended))
    return ended.exit_code if ended.state == "failed" and ended.exit_code in (2, 3) else exit_code(ended)


def _from_modelscope(args: Namespace) -> bool:
    from tarot_tui.training import modelscope

    return args.source == "modelscope" if args.source else modelscope.wanted()

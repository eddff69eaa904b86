"""The options for a training on several processes and machines; their names are accelerate's."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from tarot_tui.cli.output import emit, say
from tarot_tui.locale import _

if TYPE_CHECKING:
    from pathlib import Path

    from tarot_tui.project import Project
    from tarot_tui.training.parallel import Layout


def parallel_options(parser: ArgumentParser) -> None:
    """Declare them."""
    group = parser.add_argument_group(_("several processes"))
    group.add_argument(
        "--num-processes",
        type=int,
        default=1,
        metavar="N",
        help=_("processes in all, one for each GPU; a step sees the same samples"),
    )
    group.add_argument(
        "--num-machines", type=int, default=1, metavar="N", help=_("machines that see this folder")
    )
    group.add_argument(
        "--main-process-ip", default="", metavar="HOST", help=_("how the others reach the first machine")
    )
    group.add_argument(
        "--main-process-port",
        type=int,
        default=0,
        metavar="PORT",
        help=_("a free port there (default: 29500)"),
    )


def join_options(parser: ArgumentParser) -> None:
    """Declare what the other machines type."""
    parser.add_argument(
        "--join", metavar="RUN", help=_("do this machine's share of a run of several machines")
    )
    parser.add_argument(
        "--machine-rank",
        type=int,
        default=1,
        metavar="N",
        help=_("which machine this is, from 1 (with --join)"),
    )


def layout_of(args: Namespace) -> Layout:
    """The layout that was asked for. Raises BadInput."""
    from tarot_tui.training.parallel import layout

    return layout(args.num_processes, args.num_machines, args.main_process_ip, args.main_process_port)


def invite(args: Namespace, job: Path, parallel: Layout) -> None:
    """Say what to type on the other machines."""
    if parallel.num_machines > 1:
        say(args, _("It waits for the other machines; type there, in the same folder:"))
        for rank in range(1, parallel.num_machines):
            say(args, f"  tarot-tui train --join {job.name} --machine-rank {rank}")


def join(args: Namespace, project: Project) -> int:
    """Do this machine's share of the run; ``--json``: its name, the machine's number, state."""
    from tarot_tui.jobs import status
    from tarot_tui.jobs.find import resolve
    from tarot_tui.training import launch

    job = resolve(project, args.join)
    folder = launch.join(job, args.machine_rank)
    say(args, _("Machine {rank} works on {job}.").format(rank=args.machine_rank, job=job.name))
    if args.json:
        emit({"job": job.name, "machine_rank": args.machine_rank, "state": status.read(folder).state})
    return 0

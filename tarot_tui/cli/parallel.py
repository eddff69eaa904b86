"""The options for a training on several processes and machines; their names are accelerate's."""

from __future__ import annotations

import shlex
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from tarot_tui.cli.output import emit, say
from tarot_tui.locale import _

if TYPE_CHECKING:
    from pathlib import Path

    from tarot_tui.findings import Finding
    from tarot_tui.project import Project
    from tarot_tui.training.parallel import Layout
    from tarot_tui.training.recipe import Recipe


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
    group.add_argument(
        "--gpu-ids",
        default="",
        metavar="LIST",
        help=_("which GPUs, as nvidia-smi numbers them, such as 0,2 (default: the idlest)"),
    )
    group.add_argument(
        "--show-files",
        action="store_true",
        help=_("print the files that accelerate and DeepSpeed are given, with --dry-run"),
    )


def slurm_options(parser: ArgumentParser) -> None:
    """Declare those of a cluster; their names are sbatch's."""
    group = parser.add_argument_group("Slurm")
    group.add_argument(
        "--slurm", action="store_true", help=_("submit it with sbatch; it resumes by itself when requeued")
    )
    for name, metavar, help_ in (
        ("partition", "NAME", _("where it waits")),
        ("nodes", "N", _("machines that share the work (default: 1)")),
        ("gpus", "N", _("GPUs in all, a process for each")),
        ("time", "LIMIT", _("longest time, such as 12:00:00; two minutes before it saves and is requeued")),
        ("cpus-per-task", "N", _("processors of each machine")),
        ("mem", "SIZE", _("memory of each machine, such as 64G")),
        ("account", "NAME", _("whom it is charged to")),
        ("qos", "NAME", _("quality of service")),
    ):
        group.add_argument(f"--{name}", dest=f"slurm_{name}", default="", metavar=metavar, help=help_)
    group.add_argument(
        "--sbatch",
        action="append",
        default=[],
        metavar="OPTION[=VALUE]",
        help=_("any other option of sbatch, without its dashes; may be repeated"),
    )


def launch_words(args: Namespace) -> list[str]:
    """The options of these that were given, as they were typed."""
    words = []
    for name, default in (
        ("num-processes", 1),
        ("num-machines", 1),
        ("main-process-ip", ""),
        ("main-process-port", 0),
        ("gpu-ids", ""),
    ):
        if (value := getattr(args, name.replace("-", "_"), default)) != default:
            words += [f"--{name}", str(value)]
    if getattr(args, "slurm", False):
        words.append("--slurm")
        given = {key: value for key, value in vars(args).items() if key.startswith("slurm_") and value}
        for key, value in given.items():
            words += [f"--{key.removeprefix('slurm_')}", value]
        for option in args.sbatch:
            words += ["--sbatch", option]
    return words


def slurm_asked(args: Namespace) -> dict[str, str]:
    """What was asked of sbatch, by its own names. Raises BadInput where that needs ``--slurm``."""
    from tarot_tui.errors import BadInput

    given = {
        key.removeprefix("slurm_"): value
        for key, value in vars(args).items()
        if key.startswith("slurm_") and value
    }
    for option in args.sbatch:
        key, _equals, value = option.lstrip("-").partition("=")
        given[key] = value
    if given and not args.slurm:
        raise BadInput(_("--{option} is for --slurm.").format(option=next(iter(given))))
    return given


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
    from tarot_tui.errors import BadInput
    from tarot_tui.training.parallel import layout

    asked = slurm_asked(args)
    if args.slurm:
        from tarot_tui.training.slurm import layout_for

        return layout_for(asked, args.num_processes)
    if args.main_process_ip and args.num_machines < 2:
        raise BadInput(_("--main-process-ip is for several machines: give --num-machines too."))
    processes = args.num_processes
    if names := gpu_names(args):
        machines = max(args.num_machines, 1)
        processes = len(names) * machines if processes == 1 else processes
        if processes != len(names) * machines:
            raise BadInput(
                _(
                    "--gpu-ids {ids} are {count} GPUs on each of {machines} machines, not {processes} processes."
                ).format(ids=args.gpu_ids, count=len(names), machines=machines, processes=processes)
            )
    return layout(processes, args.num_machines, args.main_process_ip, args.main_process_port)


def gpu_names(args: Namespace) -> list[str]:
    """The GPUs of ``--gpu-ids``, in order; [] without it."""
    return [name for part in args.gpu_ids.split(",") if (name := part.strip())]


def gpu_findings(args: Namespace, project: Project) -> list[Finding]:
    """Let everything from here on see only the GPUs of ``--gpu-ids``; what to say of those that somebody uses.

    Raises BadInput when there is none that torch can use.
    """
    import os

    from tarot_tui.errors import BadInput
    from tarot_tui.findings import Finding
    from tarot_tui.jobs import gpus
    from tarot_tui.training.device import choose

    names = gpu_names(args)
    if not names:
        return []
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(names)
    if choose().kind != "cuda":
        raise BadInput(
            _("--gpu-ids {ids}: torch can use no such GPU here; 'tarot-tui doctor' says why.").format(
                ids=args.gpu_ids
            )
        )
    return [
        Finding("gpu.busy", "warning", _("GPU {id} is in use by somebody.").format(id=name))
        for name in sorted(gpus.busy(project) & set(names))
    ]


def file_lines(project: Project, recipe: Recipe, parallel: Layout, *, cpu: bool) -> list[str]:
    """The files that accelerate and DeepSpeed would be given, and how to have them otherwise."""
    from tarot_tui.training.launch_files import DEEPSPEED, launch_files

    lines = []
    for name, text in launch_files(project, recipe, parallel, cpu=cpu).items():
        lines += ["", f"# {name}", *text.rstrip().splitlines()]
    if recipe.deepspeed or recipe.fsdp:
        key = "deepspeed" if recipe.deepspeed else "fsdp"
        name = DEEPSPEED if recipe.deepspeed else "fsdp.yaml"
        told = _("To change it, save it in the project and name it: --set {key}={file}")
        lines += ["", told.format(key=key, file=name)]
    return lines


def invite(args: Namespace, job: Path, parallel: Layout) -> None:
    """Say what to type on the other machines, also when the run is resumed: each share ended with it."""
    if parallel.num_machines > 1:
        say(args, _("It waits for the other machines; type on each of them:"))
        say(args, *(f"  {line}" for line in commands_elsewhere(job, parallel)))


def commands_elsewhere(job: Path, parallel: Layout) -> list[str]:
    """The line for each other machine, quoted so that it can be pasted in any folder there."""
    root = str(job.absolute().parent.parent)
    words = ["tarot-tui", "--project", root, "train", "--join", job.name, "--machine-rank"]
    return [shlex.join([*words, str(rank)]) for rank in range(1, parallel.num_machines)]


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

"""``tarot-tui train [RECIPE] [--set key=value]… [--engine E] [--dry-run] [--probe] [--follow] [--queue] [--after RUN] [--name SLUG]``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from contextlib import nullcontext
from dataclasses import asdict
from typing import TYPE_CHECKING

from tarot_tui.cli.output import emit, project_of, say
from tarot_tui.cli.parallel import (
    file_lines,
    gpu_findings,
    invite,
    join,
    join_options,
    layout_of,
    parallel_options,
    slurm_asked,
    slurm_options,
)
from tarot_tui.cli.plan_text import mending, plan_lines, typed, wrapped
from tarot_tui.errors import Refused
from tarot_tui.locale import _

if TYPE_CHECKING:
    from tarot_tui.findings import Finding
    from tarot_tui.project import Project
    from tarot_tui.training.engines.choice import Engine
    from tarot_tui.training.parallel import Layout
    from tarot_tui.training.plan import Plan
    from tarot_tui.training.recipe import Recipe


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own options."""
    parser.add_argument(
        "recipe",
        nargs="?",
        metavar="RECIPE",
        help=_("a name in recipes/, or a file (default: the only one there)"),
    )
    set_option(parser)
    parser.add_argument("--keys", action="store_true", help=_("list every key of a recipe and what it does"))
    start_options(parser)
    parser.add_argument("--name", metavar="SLUG", help=_("the run's name (default: the recipe's)"))
    join_options(parser)


def set_option(parser: ArgumentParser) -> None:
    """``--set``, for every verb that takes a recipe."""
    parser.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help=_("change one key of the recipe; may be repeated"),
    )


def engine_option(parser: ArgumentParser) -> None:
    """``--engine``, for every verb that makes a new run."""
    parser.add_argument(
        "--engine",
        choices=("native", "llamafactory"),
        help=_("what trains: ours, or LLaMA-Factory in its own environment (default: the run's, or ours)"),
    )


def start_options(parser: ArgumentParser) -> None:
    """The options of every verb that starts a new run, which :func:`plan_and_start` reads."""
    parser.set_defaults(command=parser.prog)
    parser.add_argument("--dry-run", action="store_true", help=_("print the plan and start nothing"))
    parser.add_argument(
        "--probe",
        action="store_true",
        help=_("take a few real steps first, to measure memory and time; ctrl-c stops that"),
    )
    parser.add_argument(
        "--no-download", action="store_true", help=_("plan only with a base model that is on this machine")
    )
    parser.add_argument("--follow", action="store_true", help=_("stay and print the log until it ends"))
    parser.add_argument(
        "--queue", action="store_true", help=_("start it when its turn comes and a GPU is free")
    )
    parser.add_argument(
        "--after", metavar="RUN", help=_("start it when that run has finished (implies --queue)")
    )
    engine_option(parser)
    parallel_options(parser)
    slurm_options(parser)


def run(args: Namespace) -> int:
    """Plan, print the plan, and start the job unless told or advised not to."""
    if args.keys:
        return _print_keys(args)
    project = project_of(args)
    if args.join:
        return join(args, project)
    return plan_and_start(args, project, *_recipe(project, args))


def plan_and_start(
    args: Namespace, project: Project, recipe: Recipe, name: str, engine: Engine = "native"
) -> int:
    """Plan ``recipe``, print the plan, and start it as a run called ``name``, or let it wait in the queue.

    engine: what trains unless ``--engine`` says.
    """
    from tarot_tui.jobs.find import resolve
    from tarot_tui.training.base import only_local
    from tarot_tui.training.engines.choice import plan_with
    from tarot_tui.training.launch import judged
    from tarot_tui.training.parallel import shared
    from tarot_tui.training.slurm import elsewhere

    args.engine = args.engine or engine
    # What cannot be started is said before anything takes long, and by a dry run too.
    parallel, busy = layout_of(args), gpu_findings(args, project)
    shared(recipe, parallel.num_processes)
    if args.after:
        resolve(project, args.after)
    if args.slurm:
        _check_slurm(args, parallel)
    with only_local() if args.no_download else nullcontext():
        plan = plan_with(args.engine, project, recipe, lambda line: say(args, line))
        plan = with_export(_probed(args, project, recipe, plan) if args.probe else plan)
    if args.queue or args.after:
        plan = plan.once_free()
    if args.slurm:
        plan = elsewhere(plan, slurm_asked(args))
    plan = judged(project, recipe, plan, parallel)
    doubts = [*plan.findings, *busy, *([] if args.slurm else _reapers(args))]
    say(args, *plan_lines(recipe, plan), *mending(args, doubts))
    if args.show_files:
        say(args, *file_lines(project, recipe, parallel, cpu=plan.device["kind"] == "cpu"))
    if args.dry_run:
        if args.json:
            emit(plan.as_dict())
        return Refused.exit_code if plan.refused else 0
    return _start(args, project, recipe, plan, name)


def _check_slurm(args: Namespace, parallel: Layout) -> None:
    from tarot_tui.errors import BadInput
    from tarot_tui.training.slurm import directives

    if args.queue or args.after or args.engine != "native":
        raise BadInput(_("--slurm has a queue of its own, and runs the native engine."))
    directives(slurm_asked(args), parallel)


def _probed(args: Namespace, project: Project, recipe: Recipe, plan: Plan) -> Plan:
    """The plan again, once a few steps were measured. Raises Refused when they do not fit."""
    from tarot_tui.training.plan import plan_in_child
    from tarot_tui.training.probe import measure

    if args.engine != "native":
        raise Refused(_("Only the native engine can be measured: leave --probe or --engine away."))
    measure(project, recipe, plan, lambda line: say(args, line))
    return plan_in_child(project, recipe)


def with_export(plan: Plan) -> Plan:
    """``plan``, which also says now when its base could not become a GGUF afterwards."""
    from dataclasses import replace
    from pathlib import Path

    from tarot_tui.export.converter import supported
    from tarot_tui.findings import worst_first

    doubt = supported(Path(plan.base))
    return replace(plan, findings=worst_first([*plan.findings, doubt])) if doubt else plan


def _reapers(args: Namespace) -> list[Finding]:
    from tarot_tui.jobs import reapers

    return reapers.findings(typed(args), staying=args.follow)


def _recipe(project: Project, args: Namespace) -> tuple[Recipe, str]:
    from tarot_tui.project import safe_name
    from tarot_tui.training.recipe import find, load

    # With a dataset given on the command line no file is needed.
    by_hand = any(override.partition("=")[0].strip() == "dataset" for override in args.overrides)
    path = None if args.recipe is None and by_hand else find(project, args.recipe)
    args.recipe = args.recipe or (path.stem if path else None)
    recipe = load(project, path, args.overrides)
    name = args.name or (path.stem if path else "-".join(recipe.dataset))
    return recipe, safe_name(name, _("run")) if args.name else name


def _start(args: Namespace, project: Project, recipe: Recipe, plan: Plan, name: str) -> int:
    from tarot_tui.jobs.follow import closing_words, exit_code, follow
    from tarot_tui.jobs.launch import start
    from tarot_tui.training.engines.choice import make_with

    if args.queue or args.after:
        return _enqueue(args, project, recipe, plan, name)
    parallel = layout_of(args)
    if args.slurm:
        return _submit(args, project, recipe, plan, name)
    job = make_with(args.engine, project, recipe, plan, name, parallel)
    start(job)
    say(args, "", _("Training as {job}. It goes on when this terminal is closed.").format(job=job.name))
    invite(args, job, parallel)
    if not args.follow:
        if args.json:
            emit({"job": job.name, "state": "running", "plan": plan.as_dict()})
        elif args.quiet:
            print(job.name)
        say(args, "  tarot-tui watch " + job.name, "  tarot-tui stop " + job.name)
        return 0
    ended = follow(job, on_line=lambda line: say(args, line))
    if args.json:
        emit({"job": job.name, "state": ended.state, "reason": ended.reason, "plan": plan.as_dict()})
    say(args, closing_words(job, ended))
    return exit_code(ended)


def _submit(args: Namespace, project: Project, recipe: Recipe, plan: Plan, name: str) -> int:
    from tarot_tui.jobs import slurm
    from tarot_tui.jobs.follow import closing_words, exit_code, follow
    from tarot_tui.training.slurm import make

    job = make(project, recipe, plan, name, layout_of(args), slurm_asked(args))
    taken = slurm.submit(job)
    said = _("{job} is job {id} of Slurm, which starts it in its turn; the script is {file}.")
    say(args, "", said.format(job=job.name, id=taken, file=job / slurm.SCRIPT))
    say(args, "  tarot-tui watch " + job.name, "  tarot-tui stop " + job.name)
    ended = follow(job, on_line=lambda line: say(args, line)) if args.follow else None
    if args.json:
        state = ended.state if ended else "queued"
        emit({"job": job.name, "state": state, "slurm": taken, "plan": plan.as_dict()})
    elif args.quiet:
        print(job.name)
    if ended is None:
        return 0
    say(args, closing_words(job, ended))
    return exit_code(ended)


def _enqueue(args: Namespace, project: Project, recipe: Recipe, plan: Plan, name: str) -> int:
    from tarot_tui.jobs import queue
    from tarot_tui.jobs.find import resolve
    from tarot_tui.training.engines.choice import make_with

    after = resolve(project, args.after).name if args.after else None
    job = make_with(args.engine, project, recipe, plan, name, layout_of(args))
    queue.add(project, job, after)
    queue.ensure_runner(project)
    say(args, "", _("{job} waits for its turn; 'tarot-tui queue' shows why.").format(job=job.name))
    if args.json:
        emit({"job": job.name, "state": "queued", "plan": plan.as_dict()})
    elif args.quiet:
        print(job.name)
    return 0


def _print_keys(args: Namespace) -> int:
    from tarot_tui.training.recipe import fields

    if args.json:
        emit([{**asdict(field), "type": field.type.__name__} for field in fields()])
        return 0
    for field in fields():
        default = "" if field.default in (None, []) else f": {_shown(field.default)}"
        print(field.name + default)
        for line in wrapped(f"{field.help} ({field.allowed})", 74):
            print(f"      {line}")
    return 0


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)

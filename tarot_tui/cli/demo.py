"""``tarot-tui demo [--dir D] [--yes]``: every room once, on the embedded model and our own deck.

Each step asks the folder whether it is done, so an interrupted demo goes on where it was.
"""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tarot_tui.cli.output import emit, say
from tarot_tui.errors import BadInput, TarotError
from tarot_tui.locale import N_, _, language
from tarot_tui.project import Project, create, write_text
from tarot_tui.text import duration, plain, size

DATASET = "tarot-en"
RECIPE = "try-it"
RELEASE = "tarot"
BASE_RELEASE = "smollm2-base"
QUANT = "q8_0"
ANSWERS = "comparison.json"
DISK = 1_500_000_000
MEMORY = 3_000_000_000
QUESTIONS = (
    "What does The Fool mean upright?",
    "What does The Moon mean reversed?",
    "What does Three of Swords mean upright?",
)


@dataclass(frozen=True)
class Step:
    """One line of the demo: what it does, about how long on two cores (seconds), and the work itself."""

    title: str
    seconds: int
    work: Callable[[Project, Namespace], str]


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own options."""
    parser.add_argument(
        "--dir", type=Path, default=Path("tarot-demo"), metavar="D", help=_("where (default: ./tarot-demo)")
    )
    parser.add_argument(
        "--yes", action="store_true", help=_("do not ask, and do not open the chat at the end")
    )


def run(args: Namespace) -> int:
    """Do what is not done yet, show base and tuned model side by side, then open the chat."""
    folder = args.project or args.dir
    _need_packages()
    _need_room(folder)
    _announce(args, folder)
    if not _agreed(args):
        return 0
    project = create(folder, example=True)
    for number, step in enumerate(STEPS, 1):
        say(args, "", f"{number}/{len(STEPS)}  {_(step.title)}")
        if outcome := step.work(project, args):
            say(args, f"     {outcome}")
    answers = _answers(project)
    if args.json:
        emit({"project": str(project.root.resolve()), "model": RELEASE, "answers": answers})
        return 0
    for block in answers:
        _show(block)
    return _open_chat(project, args)


def _announce(args: Namespace, folder: Path) -> None:
    total = sum(step.seconds for step in STEPS)
    say(
        args,
        _("From a spreadsheet of 78 tarot cards to a chat model that knows them."),
        "",
        _("  model   SmolLM2-135M-Instruct (135 million parameters, Apache-2.0, English)"),
        _("  folder  {folder} ({disk} of disk, {memory} of memory)").format(
            folder=folder, disk=size(DISK), memory=size(MEMORY)
        ),
        _("  time    about {time} on two cores, and a download of 93 MB the first time").format(
            time=duration(total)
        ),
        "",
        *(
            f"  {number}  {_(step.title)} · {_('about {time}').format(time=duration(step.seconds))}"
            for number, step in enumerate(STEPS, 1)
        ),
        "",
        _("Ctrl-C interrupts; the same command goes on from there. What is done already is skipped."),
    )


def _agreed(args: Namespace) -> bool:
    if args.yes or args.json or args.quiet or not sys.stdin.isatty():
        return True
    try:
        return input(_("Go on? [Y/n] ")).strip().lower() not in ("n", "no", "否", "不")
    except EOFError:
        return False


def _need_packages() -> None:
    needed = {
        "torch": "train",
        "transformers": "train",
        "peft": "train",
        "accelerate": "train",
        "libgguf": "export",
        "gotpl": "export",
        "xllamacpp": "chat",
    }
    if missing := [name for name in needed if find_spec(name) is None]:
        raise BadInput(
            _("The demo needs {missing}: pip install 'tarot-tui[all]' brings all of it.").format(
                missing=", ".join(missing)
            )
        )


def _need_room(folder: Path) -> None:
    import psutil

    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not (folder / "models" / RELEASE).exists() and (free := shutil.disk_usage(existing).free) < DISK:
        raise BadInput(
            _(
                "{folder} has {free} free and the demo needs {needed}: choose another place with --dir."
            ).format(folder=existing, free=size(free), needed=size(DISK))
        )
    if (memory := psutil.virtual_memory().available) < MEMORY:
        raise BadInput(
            _("{free} of memory are free and the demo needs {needed}: end something else first.").format(
                free=size(memory), needed=size(MEMORY)
            )
        )


def _base(project: Project, args: Namespace) -> str:
    from tarot_tui.training.base import EMBEDDED, locate

    return str(locate(EMBEDDED, lambda line: say(args, f"     {line}")))


def _dataset(project: Project, args: Namespace) -> str:
    from tarot_tui.data.build import build
    from tarot_tui.data.dataset import names

    if DATASET not in names(project):
        report = build(
            project, sorted(project.sources.glob("*.xlsx")), DATASET, project.templates / f"{DATASET}.yaml"
        )
        return _("{count} samples in data/{name}.json").format(count=report.samples, name=DATASET)
    return _done_before(project.data / f"{DATASET}.json", project)


def _train(project: Project, args: Namespace) -> str:
    from tarot_tui.jobs.control import resume
    from tarot_tui.jobs.status import read
    from tarot_tui.training.launch import launch
    from tarot_tui.training.recipe import load

    runs = _runs(project)
    if not runs:
        run = launch(project, load(project, project.recipes / f"{RECIPE}.yaml"), RECIPE)
    else:
        run = runs[-1]
        found = read(run)
        if found.state == "finished":
            return _done_before(run, project)
        if not found.alive:
            resume(run)
    say(
        args, "     " + _("The job is {name}; it goes on when this terminal is closed.").format(name=run.name)
    )
    return _finish(run, args)


def _runs(project: Project) -> list[Path]:
    from tarot_tui.jobs.find import all_jobs, slug

    return [folder for folder in all_jobs(project, "train") if slug(folder) == RECIPE]


def _export(project: Project, args: Namespace) -> str:
    from tarot_tui.export.launch import launch
    from tarot_tui.export.release import releases

    if RELEASE in releases(project):
        return _done_before(project.models / RELEASE, project)
    return _finish(launch(project, _runs(project)[-1], [QUANT], False, RELEASE), args)


def _export_base(project: Project, args: Namespace) -> str:
    """The base as it is, made by the same pass and in the same quantisation: a fair comparison."""
    from tarot_tui.export.launch import launch_base
    from tarot_tui.export.release import releases
    from tarot_tui.training.base import EMBEDDED, locate

    if BASE_RELEASE in releases(project):
        return _done_before(project.models / BASE_RELEASE, project)
    base = locate(EMBEDDED, lambda line: None)
    return _finish(launch_base(project, base, [QUANT], BASE_RELEASE, called=EMBEDDED), args)


def _compare(project: Project, args: Namespace) -> str:
    from tarot_tui.export.release import read_release
    from tarot_tui.serving.compare import compare

    file = project.models / RELEASE / ANSWERS
    if file.exists():
        return _done_before(file, project)
    tuned = read_release(project, RELEASE)
    base = read_release(project, BASE_RELEASE)
    answers = compare(base.ggufs[QUANT], tuned.ggufs[QUANT], QUESTIONS, tuned.system)
    write_text(file, json.dumps([one.as_dict() for one in answers], ensure_ascii=False, indent=2) + "\n")
    return ""


def _answers(project: Project) -> list[dict[str, str]]:
    return json.loads((project.models / RELEASE / ANSWERS).read_text("utf-8"))


def _show(answers: dict[str, str]) -> None:
    """One question with both answers side by side, as wide as the terminal."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(plain(answers["question"])), title_justify="left", expand=True, show_lines=False)
    for heading in (_("before: the base model"), _("after: yours")):
        table.add_column(heading, ratio=1)
    table.add_row(Text(plain(answers["base"]).strip()), Text(plain(answers["tuned"]).strip()))
    Console().print("", table)


def _open_chat(project: Project, args: Namespace) -> int:
    from tarot_tui.cli import main

    say(
        args,
        "",
        _("It is in {folder}. This opens it in the wizard: {command}").format(
            folder=project.root, command=f"tarot-tui {shlex.quote(str(project.root))}"
        ),
    )
    command = ["chat", RELEASE, "--project", str(project.root)]
    if args.yes or args.quiet or not (sys.stdin.isatty() and sys.stdout.isatty()):
        say(args, _("Talk to it: {command}").format(command=shlex.join(["tarot-tui", *command])))
        return 0
    return main([*command, "--lang", language()])


def _done_before(path: Path, project: Project) -> str:
    return _("done before: {path}").format(path=project.relative(path))


def _finish(job: Path, args: Namespace) -> str:
    """Stay with a job to its end. Raises TarotError when it fails and KeyboardInterrupt when the user leaves."""
    from tarot_tui.cli.progress import Progress
    from tarot_tui.jobs.follow import closing_words, follow

    with Progress(args) as progress:
        found = follow(job, on_line=lambda line: None, on_status=progress.show)
    if found.alive:
        say(args, closing_words(job, found))
        raise KeyboardInterrupt
    if found.state != "finished":
        raise TarotError(closing_words(job, found))
    return _("done in {time}").format(time=duration((found.ended or 0) - (found.started or 0)))


STEPS = (
    Step(N_("Fetch the base model"), 30, _base),
    Step(N_("Export the base as it is, to compare with"), 20, _export_base),
    Step(N_("Build the dataset from the spreadsheet"), 1, _dataset),
    Step(N_("Train a LoRA adapter"), 300, _train),
    Step(N_("Export to one GGUF file, quantised"), 25, _export),
    Step(N_("Ask both the same three questions"), 30, _compare),
)

"""The worker of a LLaMA-Factory run: it lays out tokens and arguments, then becomes LLaMA-Factory, in its own Python.

Everything is laid out anew at each attempt, so the folder may have been moved and the recipe changed meanwhile.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from tarot_tui.errors import TarotError
from tarot_tui.jobs import worker
from tarot_tui.jobs.spec import read_spec
from tarot_tui.locale import _
from tarot_tui.project import Project
from tarot_tui.training.device import cpu_threads
from tarot_tui.training.engines.checkpoints import last_complete, step_of
from tarot_tui.training.engines.llamafactory import arguments, environments, tokens
from tarot_tui.training.ladder import record
from tarot_tui.training.parallel import layout_of, shared
from tarot_tui.training.recipe import Recipe
from tarot_tui.training.runs import recipe_of
from tarot_tui.training.unchanged import same_adapter, same_base

_TRAINER = Path(__file__).parent / "inside" / "train.py"


def main() -> None:
    """Prepare the job named by TAROT_JOB_DIR and hand this process over to its trainer."""
    folder = worker.job_dir()
    if folder is None:
        raise TarotError(_("This is a job's worker: start it with 'tarot-tui train'."))
    request = read_spec(folder)["request"]
    processes = layout_of(request).num_processes
    recipe = recipe_of(folder)
    same_base(request)
    environment = environment_of(request)
    worker.progress(0, None, what=_("reading the dataset"))
    project = Project(folder.parent.parent)
    record(project, folder)
    measure = tokens.provide(folder, project, recipe, request, environment.python)
    checkpoint = last_complete(folder, processes)
    if recipe.adapter_name_or_path and not checkpoint:
        same_adapter(project, recipe, request)
    args = arguments.arguments(
        project,
        shared(recipe, processes),
        request,
        measure=measure,
        plots="matplotlib" in environment.versions,
        checkpoint=checkpoint,
    )
    arguments.write(folder, args)
    if checkpoint:
        print(_("Going on after step {step}.").format(step=step_of(checkpoint)), flush=True)
    worker.flush()
    os.chdir(folder)
    command = command_of(environment.python, recipe, processes)
    os.execve(command[0], command, variables(request, processes))


def environment_of(request: dict[str, Any]) -> environments.Environment:
    """The environment that the run was made for, or the one in use now where that is gone."""
    recorded = Path(str(request.get("engine_python") or ""))
    if not recorded.is_file():
        return environments.current()
    found = environments.look(recorded)
    if found.version != request.get("engine_version"):
        print(
            _("LLaMA-Factory is {version} now, and was {before} when this run was made.").format(
                version=found.version, before=request.get("engine_version")
            ),
            flush=True,
        )
    return found


def command_of(python: Path, recipe: Recipe, processes: int) -> list[str]:
    """The trainer's command line: one process, or torchrun with as many.

    Its own launcher finds torchrun on the PATH, and divides paths at their spaces.
    """
    facts = {
        "name": recipe.model_name_or_path,
        "patience": recipe.early_stopping_steps or 0,
        "report_to": recipe.report_to,
    }
    trainer = [str(_TRAINER), arguments.FILE, json.dumps(facts)]
    if processes == 1:
        return [str(python), *trainer]
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
    return [str(python), *launcher, *trainer]


def variables(request: dict[str, Any], processes: int) -> dict[str, str]:
    """The environment variables of the trainer."""
    # Its own level shows the whole configuration of the model, at every attempt.
    more = {"LLAMAFACTORY_VERBOSITY": "WARNING", "HF_HUB_OFFLINE": "1"}
    if request["device"]["kind"] == "cpu":
        # It takes every GPU that it sees.
        more |= {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": str(max(1, cpu_threads() // processes))}
    return environments.plain_environment(**more)


if __name__ == "__main__":
    try:
        main()
    except TarotError as error:
        print(error, file=sys.stderr, flush=True)
        sys.exit(error.exit_code)

"""Which engine trains: each plans a recipe and makes a run of it, in its own way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, get_args

from tarot_tui.errors import BadInput
from tarot_tui.jobs.spec import read_spec
from tarot_tui.project import Project
from tarot_tui.training import launch
from tarot_tui.training.engines.llamafactory import job as llamafactory
from tarot_tui.training.parallel import Layout
from tarot_tui.training.plan import Plan, plan_in_child
from tarot_tui.training.recipe import Recipe

Engine = Literal["native", "llamafactory"]
ENGINES: tuple[Engine, ...] = get_args(Engine)

_ALONE = Layout()


def plan_with(
    engine: Engine, project: Project, recipe: Recipe, say: Callable[[str], None] = lambda line: None
) -> Plan:
    """What ``engine`` will do of ``recipe``; raises what its planning raises."""
    return {"native": plan_in_child, "llamafactory": llamafactory.plan}[engine](project, recipe, say)


def make_with(
    engine: Engine,
    project: Project,
    recipe: Recipe,
    plan: Plan,
    slug: str | None = None,
    parallel: Layout = _ALONE,
) -> Path:
    """The folder of a run of ``engine``, ready to start; raises what :func:`.launch.make_job` raises."""
    make = {"native": launch.make_job, "llamafactory": llamafactory.make}[engine]
    return make(project, recipe, plan, slug, parallel)


def engine_of(run: Path) -> Engine:
    """The engine that trains ``run``; the native one where nothing is said."""
    try:
        named = (read_spec(run).get("request") or {}).get("engine")
    except BadInput:
        return "native"
    return named if named in ENGINES else "native"

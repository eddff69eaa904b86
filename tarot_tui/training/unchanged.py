"""A run goes on with what it began with, or not at all: the base, the adapter that is trained further, the datasets.

``request`` is that of the run's ``job.yaml``. Every engine asks at each attempt.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tarot_tui.errors import Refused
from tarot_tui.locale import _
from tarot_tui.project import Project
from tarot_tui.training.adapter import Adapter, find_adapter
from tarot_tui.training.base import check, fingerprint
from tarot_tui.training.recipe import Recipe


def same_base(request: dict[str, Any]) -> Path:
    """The folder of the base. Raises Refused when another model is there now, and what :func:`.base.check` raises."""
    base = check(Path(request["base"]))
    refuse_another_base(base, fingerprint(base), request)
    return base


def refuse_another_base(folder: Path | str, found: str, request: dict[str, Any]) -> None:
    """Raise Refused when ``found``, the fingerprint of the model in ``folder``, is not that of the run's base."""
    if found != request["base_fingerprint"]:
        raise Refused(_("{folder} is no longer the model this run began with.").format(folder=folder))


def same_adapter(project: Project, recipe: Recipe, request: dict[str, Any]) -> Adapter:
    """The adapter that is trained further. Raises Refused when it is another now, BadInput when it is gone."""
    found = find_adapter(project, recipe)
    if found.sha256() != request.get("adapter_sha256"):
        raise Refused(
            _("The adapter in {folder} has changed since this run was made: make a new one.").format(
                folder=found.folder
            )
        )
    return found


def refuse_other_samples(found: dict[str, str], request: dict[str, Any]) -> None:
    """Raise Refused when the datasets, whose sha256 are ``found``, are no longer those that were planned."""
    if found != request["dataset_sha256"]:
        raise Refused(
            _("The dataset has changed since this run was started: start a new one instead of resuming.")
        )

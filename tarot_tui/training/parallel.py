"""One training on several processes, on one machine or more: who does what share, and what accelerate is told."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.training.recipe import Recipe

#: The port on which the processes of several machines find each other, unless told: torch's own.
PORT = 29500


@dataclass(frozen=True)
class Layout:
    """How a training is spread; the names are accelerate's.

    num_processes: in all, the same number on each of num_machines. main_process_ip, main_process_port: where the first
    machine is found by the others; on one machine the port is chosen when it starts.
    """

    num_processes: int = 1
    num_machines: int = 1
    main_process_ip: str = ""
    main_process_port: int = 0

    @property
    def here(self) -> int:
        """Processes on each machine."""
        return self.num_processes // self.num_machines

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready, as it is kept in a job's request under ``parallel``."""
        return asdict(self)


def layout(
    num_processes: int = 1, num_machines: int = 1, main_process_ip: str = "", main_process_port: int = 0
) -> Layout:
    """A layout that can be started. Raises BadInput for one that cannot.

    ``num_processes`` counts all of them; 1 on several machines means one on each.
    """
    if num_processes < 1 or num_machines < 1:
        raise BadInput(_("A training needs at least one process on one machine."))
    if num_processes == 1:
        num_processes = num_machines
    if num_processes % num_machines:
        raise BadInput(
            _("{processes} processes cannot be divided among {machines} machines: each has as many.").format(
                processes=num_processes, machines=num_machines
            )
        )
    if num_machines > 1:
        main_process_ip = main_process_ip or socket.gethostname()
        main_process_port = main_process_port or PORT
    return Layout(num_processes, num_machines, main_process_ip, main_process_port)


def layout_of(request: Mapping[str, Any]) -> Layout:
    """How a run is spread, from the request in its ``job.yaml``. Raises BadInput as above."""
    return layout(**(request.get("parallel") or {}))


def shared(recipe: Recipe, processes: int) -> Recipe:
    """The recipe as each of so many processes carries it out, so that a step sees the samples it would on one.

    The accumulation is divided; where that does not come out even, the batch gets smaller first. Raises BadInput when
    the samples of a step cannot be divided at all.
    """
    effective = recipe.per_device_train_batch_size * recipe.gradient_accumulation_steps
    if effective % processes:
        raise BadInput(
            _(
                "A step of {samples} samples cannot be divided among {processes} processes: make per_device_train_batch_size × gradient_accumulation_steps a multiple of {processes}."
            ).format(samples=effective, processes=processes)
        )
    share = effective // processes
    batch = next(size for size in range(recipe.per_device_train_batch_size, 0, -1) if share % size == 0)
    return recipe.model_copy(
        update={"per_device_train_batch_size": batch, "gradient_accumulation_steps": share // batch}
    )

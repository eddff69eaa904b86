"""A module's own ``forward``, tried on parts that stand in for its real ones.

What a class of transformers computes is told neither by its name nor by its configuration. Its code is: run on a
stand-in whose submodules are plain functions, it shows what it does with what they give, without touching a weight
(which may lie on other devices, in pieces or in four bits).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn


class StandIn:
    """Looks like ``module``, except for ``parts``."""

    def __init__(self, module: nn.Module, **parts: Any) -> None:
        self.__dict__.update(parts, _module=module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def tried(
    forward: Callable[..., Any], module: nn.Module, *args: Any, parts: dict[str, Any], **kwargs: Any
) -> Any:
    """What ``forward`` gives for ``module`` with ``parts`` in place of its own; None where it fails."""
    try:
        return forward(StandIn(module, **parts), *args, **kwargs)
    except Exception:  # it may raise anything: then it is none of those we know
        return None

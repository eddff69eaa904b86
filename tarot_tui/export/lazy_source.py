"""The merged model as lazy tensors for llama.cpp's converter, which know how to read themselves by rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tarot_tui.errors import Refused
from tarot_tui.export.plan import Plan
from tarot_tui.export.rows import CHUNK, MergedTensor
from tarot_tui.export.safetensors_file import FLOATS, Checkpoint
from tarot_tui.locale import _
from tarot_tui.text import one_line

#: float32 bytes read at a time; several chunks of the merge, so that every thread has rows to work on.
BATCH = 4 * CHUNK


class Source:
    """The merged model as lazy tensors for the converter's classes."""

    def __init__(self, checkpoint: Checkpoint, plan: Plan) -> None:
        names = [name for name in (*checkpoint, *plan.added) if checkpoint[plan.source(name)].dtype in FLOATS]
        self.tensors = {name: MergedTensor(name, checkpoint, plan) for name in names}
        self.changes = plan.changes

    def give_to(self, model: Any) -> None:
        """Replace the tensors that ``model`` found in the base by the merged ones.

        Raises Refused when the converter leaves out a tensor that the adapter changes. (One that was trained on text
        alone may have products on the layers for pictures, and these are still zero.)
        """
        reached = set()
        for name in self.tensors:
            kept = model.filter_tensors((name, lambda name=name: self._lazy(name)))
            if kept and (kept[0] in model.model_tensors or name in self.changes):
                model.model_tensors[kept[0]] = kept[1]
                reached.add(name)
        if lost := [name for name in self.changes if name not in reached and not self.changes[name].idle]:
            raise Refused(
                _(
                    "The adapter changes '{tensor}', which a GGUF of this model does not hold; use '--merge'."
                ).format(tensor=one_line(lost[0]))
            )

    def _lazy(self, name: str) -> Any:
        import torch
        from conversion import LazyTorchTensor

        shape = self.tensors[name].shape
        meta = LazyTorchTensor.meta_with_dtype_and_shape(torch.float32, shape)
        lazy = LazyTorchTensor(meta=meta, args=(name,), func=self._whole)
        lazy.streamed_from = name  # survives only while nothing has been done to the tensor
        return lazy

    def rows(self, lazy: Any) -> Iterator[np.ndarray]:
        """The float32 rows of a lazy tensor that came of ours, before the converter's own quantisation of it."""
        import gguf
        import torch
        from conversion import LazyTorchTensor

        while isinstance(lazy, gguf.LazyNumpyTensor):
            lazy = next(argument for argument in lazy._args if isinstance(argument, gguf.LazyBase))
        if name := getattr(lazy, "streamed_from", None):
            for _first, rows in self.tensors[name].rounded(BATCH):
                yield rows
        elif lazy._func is torch.stack and not lazy._kwargs.get("dim") and len(lazy._args) == 1:
            for one in lazy._args[0]:  # the experts of a layer; all of them together may be gigabytes
                yield from self.rows(one)
        else:
            values = LazyTorchTensor.to_eager(lazy).float().numpy()
            values = np.ascontiguousarray(values).reshape(-1, values.shape[-1])
            step = max(1, BATCH // (4 * values.shape[1]))
            for first in range(0, len(values), step):
                yield values[first : first + step]

    def _whole(self, name: str) -> Any:
        import torch

        tensor = self.tensors[name]
        values = np.empty((tensor.rows, tensor.columns), np.float32)
        for first, rows in tensor.rounded(BATCH):
            values[first : first + len(rows)] = rows
        return torch.from_numpy(values.reshape(tensor.shape))

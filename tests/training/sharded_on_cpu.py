"""The real worker of a training, made to share a model out without a GPU: what accelerate and transformers refuse by name.

Run as a script by tests, in place of the worker's module.
"""

from __future__ import annotations

import os
from pathlib import Path

from accelerate.state import PartialState
from accelerate.utils import DistributedType
from transformers import TrainingArguments

from tarot_tui.jobs import worker
from tarot_tui.training.engines import native


def _fsdp() -> None:
    begin = PartialState.__init__

    def init(self: PartialState, *given, **named) -> None:
        begin(self, *given, **named)
        if self.distributed_type == DistributedType.MULTI_CPU:
            self.distributed_type = DistributedType.MULTI_GPU

    PartialState.__init__ = init


def _deepspeed() -> None:
    begin = TrainingArguments.__post_init__

    def init(self: TrainingArguments) -> None:
        self.use_cpu, self.ddp_backend = False, "gloo"
        begin(self)

    TrainingArguments.__post_init__ = init


def _say_what_was_loaded() -> None:
    """One file a process in the run's folder: the sum of the base's embeddings."""
    load = native.load_model

    def loaded(*given, **named):
        model = load(*given, **named)
        Path(f"loaded.{worker.rank()}").write_text(str(model.get_input_embeddings().weight.double().sum()))
        return model

    native.load_model = loaded


if __name__ == "__main__":
    _say_what_was_loaded()
    if os.environ.get("ACCELERATE_USE_DEEPSPEED") == "true":
        _deepspeed()
    else:
        _fsdp()
    native.main()

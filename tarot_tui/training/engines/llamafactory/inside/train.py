"""LLaMA-Factory's training loop inside one of our jobs: ``train.py ARGUMENTS.yaml FACTS.json``, once for each process.

It is called as its own command line would call it, with callbacks of ours: they save and stop when the job is asked to,
write ``trainer_log.jsonl`` as every engine does, and say how it ended, which its exit code does not.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any


def find_our_package() -> None:
    """Let ``tarot_tui`` be imported from where this file lies, and nothing else that is installed beside it."""
    folder = Path(__file__).resolve().parents[4]
    spec = importlib.util.spec_from_file_location(
        "tarot_tui", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["tarot_tui"] = module
    spec.loader.exec_module(module)


def main(arguments: str, facts: dict[str, Any]) -> None:
    """Train as the file ``arguments`` says. facts: ``name`` of the base, ``patience`` of early stopping (0 without),
    ``report_to``."""
    from tarot_tui.jobs import files, worker
    from tarot_tui.locale import _

    worker.own_log()
    worker.stop_on_sigterm()
    worker.end_with_launcher()
    worker.progress(0, None, what=_("starting LLaMA-Factory"))
    import torch
    import transformers.trainer
    from llamafactory.train import tuner
    from transformers import TrainerCallback

    from tarot_tui.training.engines.callbacks import EarlyStop, Requests, TrainerLog
    from tarot_tui.training.engines.peak import peak_bytes
    from tarot_tui.training.engines.reporting import prepare_report

    prepare_report(facts["report_to"], Path.cwd())
    early = EarlyStop(facts["patience"])

    class Ending(TrainerCallback):
        """Gives the adapter the base's name instead of its place on this machine, and ends at once what was stopped."""

        state: Any = None

        def on_train_begin(
            self, args: Any, state: Any, control: Any, model: Any = None, **_more: Any
        ) -> None:
            for config in getattr(model, "peft_config", {}).values():
                config.base_model_name_or_path = facts["name"]

        def on_train_end(self, args: Any, state: Any, control: Any, **_more: Any) -> None:
            self.state = state
            if state.global_step < state.max_steps and not early.reason:
                raise _Stopped

    # Its own log writes to the same file, without the gradient norm, and counts the time anew after a resume;
    # transformers' prints what ours prints.
    tuner.LogCallback = transformers.trainer.PrinterCallback = TrainerCallback
    ending = Ending()
    sys.argv = ["llamafactory-cli", arguments]
    try:
        callbacks = [TrainerLog(Path(files.METRICS)), Requests(), ending]
        tuner.run_exp(callbacks=[*callbacks, early] if facts["patience"] else callbacks)
    except _Stopped:
        step = ending.state.global_step
        worker.result("stopped", step=step)
        print(_("Stopped after step {step}; everything is saved.").format(step=step), flush=True)
        return
    losses = [entry["loss"] for entry in ending.state.log_history if "loss" in entry]
    more: dict[str, Any] = {"peak": peak_bytes(cpu=not torch.cuda.is_available())}
    if early.reason:
        more["reason"] = early.reason
    worker.result("finished", step=ending.state.global_step, loss=losses[-1] if losses else None, **more)
    if early.reason:
        print(early.reason, flush=True)


class _Stopped(Exception):
    """The checkpoint is saved; it would go on to measure, and save an adapter that looks like a finished one's."""


if __name__ == "__main__":
    find_our_package()
    from tarot_tui.locale import _

    try:
        main(sys.argv[1], json.loads(sys.argv[2]))
    except ModuleNotFoundError as error:
        print(
            _(
                "LLaMA-Factory's environment lacks {package}: install it there ({python} -m pip install …) and resume."
            ).format(package=error.name, python=sys.executable),
            file=sys.stderr,
            flush=True,
        )
        sys.exit(1)

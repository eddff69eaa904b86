"""What happens between two steps: the log line, progress, requests to save or stop, an end before the last step."""

from __future__ import annotations

import json
import math
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from tarot_tui.jobs import files, worker
from tarot_tui.locale import _
from tarot_tui.project import write_text


class TrainerLog(TrainerCallback):
    """``trainer_log.jsonl`` with LLaMA-Factory's keys, plus ``grad_norm`` and ``time``; one flushed line per log step.

    ``elapsed_time`` and ``total_tokens`` count the whole run, resumed or not; ``throughput`` (tokens per second,
    padding not counted) only this attempt.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        # Not the wall clock: that is set, and by hours where a machine wakes up.
        self._begun = time.monotonic()
        self._elapsed_before = 0.0
        self._step_before = 0
        self._tokens_before = 0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Drop the lines behind the checkpoint that is resumed from, and go on counting."""
        if not state.is_world_process_zero:
            return
        kept = self._lines_up_to(state.global_step)
        write_text(self._path, "".join(json.dumps(line) + "\n" for line in kept))
        if kept:
            self._elapsed_before = float(kept[-1].get("elapsed_seconds", 0))
        self._begun = time.monotonic()
        self._step_before = state.global_step
        self._tokens_before = state.num_input_tokens_seen

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """Write one line and say it in the log; raise FloatingPointError when the loss is NaN or infinite."""
        logs = logs or {}
        if not ({"loss", "eval_loss"} & set(logs)):
            return
        if state.is_world_process_zero:
            line = self._line(state, logs)
            files.append_json(self._path, line)
            print(_summary(line), flush=True)
        if not math.isfinite(logs.get("loss", 0.0)):
            raise FloatingPointError(f"loss is {logs['loss']} at step {state.global_step}")

    def _line(self, state: TrainerState, logs: dict[str, Any]) -> dict[str, Any]:
        here = time.monotonic() - self._begun
        elapsed = self._elapsed_before + here
        done = state.global_step - self._step_before
        remaining = here / done * (state.max_steps - state.global_step) if done else 0.0
        tokens = state.num_input_tokens_seen - self._tokens_before
        line = {
            "current_steps": state.global_step,
            "total_steps": state.max_steps,
            "loss": logs.get("loss"),
            "eval_loss": logs.get("eval_loss"),
            "lr": logs.get("learning_rate"),
            "grad_norm": logs.get("grad_norm"),
            "epoch": round(state.epoch or 0.0, 4),
            "percentage": round(100 * state.global_step / state.max_steps, 2) if state.max_steps else 100,
            "elapsed_time": str(timedelta(seconds=int(elapsed))),
            "remaining_time": str(timedelta(seconds=int(remaining))),
            "throughput": round(tokens / here, 2) if here > 0 else 0.0,
            "total_tokens": state.num_input_tokens_seen,
            "elapsed_seconds": round(elapsed, 3),
            "time": round(time.time(), 3),
        }
        return {key: value for key, value in line.items() if value is not None}

    def _lines_up_to(self, step: int) -> list[dict[str, Any]]:
        from tarot_tui.jobs.metrics import MetricsReader

        return [line for line in MetricsReader(self._path).read() if line.get("current_steps", 0) <= step]


class Requests(TrainerCallback):
    """Progress after every step; a request to save or stop, whoever hears it, carried out by all at the same step."""

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_unused: Any
    ) -> None:
        """Say where the run begins, and let a resumed one log and save as often as the recipe now says.

        Trainer takes these from the checkpoint.
        """
        state.compute_steps(args, state.max_steps)
        worker.progress(state.global_step, state.max_steps, what=_("training"))

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_unused: Any
    ) -> None:
        """Progress, and whatever was asked for."""
        worker.progress(state.global_step, state.max_steps, what=_("training"))
        stop, save = _agreed(args)
        control.should_save |= stop or save
        control.should_training_stop |= stop

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_unused: Any
    ) -> None:
        """Note the checkpoint."""
        if state.is_world_process_zero:
            worker.event("checkpoint", step=state.global_step)


class EarlyStop(TrainerCallback):
    """Ends a run whose measured loss has not fallen for ``patience`` measurements; ``reason`` then says so.

    It counts in the run's own history, which a checkpoint keeps: a resumed run decides as it would have.
    """

    def __init__(self, patience: int) -> None:
        self._patience = patience
        self.reason = ""

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_unused: Any
    ) -> None:
        """Stop after this step if it is time, with a checkpoint."""
        measured = [entry for entry in state.log_history if "eval_loss" in entry]
        best = min(range(len(measured)), key=lambda at: measured[at]["eval_loss"])
        if len(measured) - 1 - best < self._patience or state.global_step >= state.max_steps:
            return
        control.should_training_stop = control.should_save = True
        self.reason = _(
            "Finished early after step {step} of {steps}: the measured loss was lowest at step {best} ({loss:.4f})."
        ).format(
            step=state.global_step,
            steps=state.max_steps,
            best=measured[best]["step"],
            loss=measured[best]["eval_loss"],
        )


class BetweenLogs(TrainerCallback):
    """Keeps the loss since the last log line with each checkpoint, so that the first line after a resume is the same too.

    Trainer averages over the steps between two lines and begins anew when it resumes; it offers no way in, so this
    reaches for its ``_tr_loss`` and ``_globalstep_last_logged``. To be added last: only then is it known what this step
    will do.
    """

    _NAME = "BetweenLogs"

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_unused: Any
    ) -> None:
        """Go on with what the checkpoint kept."""
        if kept := state.stateful_callbacks.get(self._NAME):
            self._trainer._tr_loss += kept["loss"]
            self._trainer._globalstep_last_logged = kept["since"]

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_unused: Any
    ) -> None:
        """Keep it, on all ranks at once, if a checkpoint is about to be saved; the log line of this step comes before."""
        if control.should_save:
            loss = self._trainer.accelerator.gather(self._trainer._tr_loss).mean().item()
            kept = {"loss": loss, "since": self._trainer._globalstep_last_logged}
            logged = {"loss": 0.0, "since": state.global_step}
            state.stateful_callbacks[self._NAME] = logged if control.should_log else kept


def _agreed(args: TrainingArguments) -> tuple[bool, bool]:
    # Rank 0 reads the requests; SIGTERM may reach any.
    asked = [worker.stop_requested(), args.process_index == 0 and worker.save_requested()]
    if args.world_size > 1:
        flags = torch.tensor(asked, dtype=torch.int, device=args.device)
        torch.distributed.all_reduce(flags, torch.distributed.ReduceOp.MAX)
        asked = [bool(flag) for flag in flags.tolist()]
    return asked[0], asked[1]


def _summary(line: dict[str, Any]) -> str:
    step = f"{line['current_steps']}/{line['total_steps']}"
    if "loss" not in line:
        return _("step {step}  measured loss {loss:.4f}").format(step=step, loss=line["eval_loss"])
    return _("step {step}  loss {loss:.4f}  epoch {epoch:.2f}  {speed:.0f} tokens/s").format(
        step=step, loss=line["loss"], epoch=line["epoch"], speed=line["throughput"]
    )

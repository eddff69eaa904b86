"""The worker of a training: transformers' Trainer with peft, started by ``accelerate launch`` inside a job.

It reads ``job.yaml`` in its job folder, which is also its ``output_dir``; goes on from the last complete checkpoint
there, if there is one; and leaves the adapter (or the whole model), the tokenizer and ``result.json`` in the folder
itself.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import transformers

from tarot_tui.errors import TarotError
from tarot_tui.jobs import files, worker
from tarot_tui.jobs.spec import read_spec
from tarot_tui.locale import _
from tarot_tui.project import Project
from tarot_tui.text import duration
from tarot_tui.training.encode import load_tokenizer
from tarot_tui.training.engines.arguments import arguments
from tarot_tui.training.engines.asking import compare
from tarot_tui.training.engines.batches import Collator, Item, RowCollator, gives_chosen_logits
from tarot_tui.training.engines.callbacks import BetweenLogs, EarlyStop, Requests, TrainerLog
from tarot_tui.training.engines.checkpoints import last_complete, step_of
from tarot_tui.training.engines.even import EvenTrainer, Padded, evened
from tarot_tui.training.engines.kernels import fit
from tarot_tui.training.engines.model import as_its_base, first_adapter, load_model, plain
from tarot_tui.training.engines.neftune import add_noise
from tarot_tui.training.engines.peak import peak_bytes
from tarot_tui.training.engines.reporting import prepare_report
from tarot_tui.training.engines.trainer import RecipeTrainer
from tarot_tui.training.order import epoch_order
from tarot_tui.training.packing import items, tokens
from tarot_tui.training.parallel import shared
from tarot_tui.training.recipe import Recipe
from tarot_tui.training.runs import recipe_of
from tarot_tui.training.samples import Samples, prepare
from tarot_tui.training.unchanged import refuse_other_samples, same_base

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def main() -> None:
    """Train the job named by TAROT_JOB_DIR."""
    quieten()
    folder = worker.job_dir()
    if folder is None:
        raise TarotError(_("This is a job's worker: start it with 'tarot-tui train'."))
    worker.own_log()
    worker.stop_on_sigterm()
    if "LOCAL_RANK" in os.environ:  # which torchrun sets; else this process is the job's own
        worker.end_with_launcher()
    request = read_spec(folder)["request"]
    recipe = shared(recipe_of(folder), worker.processes())
    base = same_base(request)

    worker.progress(0, None, what=_("reading the dataset"))
    tokenizer = load_tokenizer(base)
    project = Project(folder.parent.parent)
    samples = prepare(project, recipe, base, tokenizer)
    refuse_other_samples(samples.sha256, request)
    worker.progress(0, None, what=_("loading the model"))
    # What is written from here on goes where the folder is then, if it is moved.
    os.chdir(folder)
    folder = Path()
    checkpoint = last_complete(folder, worker.processes())
    adapter = first_adapter(project, recipe, request, checkpoint)
    cpu = request["device"]["kind"] == "cpu"
    model = load_model(base, recipe, request["precision"], cpu=cpu, adapter=adapter)
    trainer = make_trainer(model, tokenizer, samples, recipe, folder, request)
    if checkpoint:
        print(_("Going on after step {step}.").format(step=step_of(checkpoint)), flush=True)
    begun = time.monotonic()
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    finished = conclude(trainer, recipe, base, folder, time.monotonic() - begun)
    if finished and worker.rank() == 0:
        compare(trainer, tokenizer, samples, recipe, base, folder)
    # Whoever leaves before rank 0 has saved and said how it ended would be taken for fallen.
    trainer.accelerator.wait_for_everyone()
    if torch.distributed.is_initialized():
        # A process that ends before the others let go of it takes them along.
        torch.distributed.destroy_process_group()


def quieten() -> None:
    """Keep out of the user's log what libraries say to their developers."""
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    warnings.simplefilter("ignore", FutureWarning)
    # peft looks for the base by the name we gave it; the vocabulary is never changed here.
    warnings.filterwarnings("ignore", message="Could not find a config file")


def make_trainer(
    model: torch.nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    samples: Samples,
    recipe: Recipe,
    folder: Path,
    request: dict[str, Any],
) -> RecipeTrainer:
    """The Trainer of a run whose ``output_dir`` is ``folder``."""
    prepare_report(recipe.report_to, folder.absolute())
    cpu = request["device"]["kind"] == "cpu"
    made = fit(model, recipe, cpu=cpu)
    answers_only = not made.loss and gives_chosen_logits(plain(model))
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    drawn = items(recipe, samples.train)
    trainer = _kind_of_trainer(recipe, drawn)(
        model=model,
        args=arguments(
            recipe,
            folder,
            len(drawn),
            request["precision"],
            cpu=cpu,
            measure=bool(samples.evaluation),
        ),
        loraplus_lr_ratio=recipe.loraplus_lr_ratio,
        train_dataset=Padded(drawn),
        eval_dataset=evened(samples.evaluation, worker.processes() * recipe.eval_batch) or None,
        data_collator=RowCollator(answers_only) if made.rows else Collator(pad or 0, answers_only),
        processing_class=tokenizer,
        callbacks=[TrainerLog(folder / files.METRICS), Requests()],
    )
    trainer.remove_callback(transformers.PrinterCallback)
    if recipe.neftune_noise_alpha:
        add_noise(plain(model).get_input_embeddings(), recipe.neftune_noise_alpha)
    if recipe.early_stopping_steps:
        trainer.add_callback(EarlyStop(recipe.early_stopping_steps))
    trainer.add_callback(BetweenLogs(trainer))
    return trainer


def _kind_of_trainer(recipe: Recipe, drawn: Sequence[Item]) -> Callable[..., RecipeTrainer]:
    processes = worker.processes()
    if processes == 1 and not recipe.group_by_length:
        return RecipeTrainer
    lengths = [tokens(item) for item in drawn]
    return partial(EvenTrainer, order=lambda epoch: epoch_order(recipe, lengths, epoch, processes))


def conclude(trainer: RecipeTrainer, recipe: Recipe, base: Path, folder: Path, seconds: float) -> bool:
    """Save the result if every step is done, or as many as were of use, and say how the run ended; whether it finished."""
    state = trainer.state
    early = next((one.reason for one in trainer.callback_handler.callbacks if isinstance(one, EarlyStop)), "")
    if state.global_step < state.max_steps and not early:
        worker.result("stopped", step=state.global_step)
        print(_("Stopped after step {step}; everything is saved.").format(step=state.global_step), flush=True)
        return False
    if recipe.finetuning_type == "full":
        as_its_base(trainer)
        for terms in base.glob("LICENSE*") if worker.rank() == 0 else ():  # which go with the weights
            shutil.copyfile(terms, folder / terms.name)
    trainer.save_model(str(folder))
    losses = [entry["loss"] for entry in state.log_history if "loss" in entry]
    facts: dict[str, Any] = {"peak": peak_bytes(cpu=trainer.args.use_cpu)}
    if early:
        facts["reason"] = early
    worker.result("finished", step=state.global_step, loss=losses[-1] if losses else None, **facts)
    if early:
        print(early, flush=True)
    print(
        _("Finished {step} steps in {time}.").format(step=state.global_step, time=duration(seconds)),
        flush=True,
    )
    return True


if __name__ == "__main__":
    try:
        main()
    except TarotError as error:
        print(error, file=sys.stderr, flush=True)
        sys.exit(error.exit_code)

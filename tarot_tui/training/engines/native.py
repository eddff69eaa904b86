"""The worker of a training: transformers' Trainer with peft, started by ``accelerate launch`` inside a job.

It reads ``job.yaml`` in its job folder, which is also its ``output_dir``; goes on from the last complete checkpoint
there, if there is one; and leaves the adapter, the tokenizer and ``result.json`` in the folder itself.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import transformers
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, Trainer, TrainingArguments

from tarot_tui.errors import Refused, TarotError
from tarot_tui.jobs import files, worker
from tarot_tui.jobs.spec import read_spec
from tarot_tui.locale import _
from tarot_tui.project import Project
from tarot_tui.text import duration
from tarot_tui.training.adapter import find_adapter
from tarot_tui.training.base import check, fingerprint
from tarot_tui.training.encode import load_tokenizer
from tarot_tui.training.engines.batches import Collator, gives_chosen_logits
from tarot_tui.training.engines.callbacks import BetweenLogs, Requests, TrainerLog
from tarot_tui.training.engines.checkpoints import last_complete, step_of
from tarot_tui.training.engines.even import EvenTrainer, Padded
from tarot_tui.training.parallel import shared
from tarot_tui.training.recipe import Recipe
from tarot_tui.training.runs import recipe_of
from tarot_tui.training.samples import Samples, prepare
from tarot_tui.training.schedule import schedule

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}


def main() -> None:
    """Train the job named by TAROT_JOB_DIR."""
    _quieten()
    folder = worker.job_dir()
    if folder is None:
        raise TarotError(_("This is a job's worker: start it with 'tarot-tui train'."))
    worker.own_log()
    worker.stop_on_sigterm()
    worker.end_with_launcher()
    request = read_spec(folder)["request"]
    recipe = shared(recipe_of(folder), worker.processes())
    base = check(Path(request["base"]))
    if fingerprint(base) != request["base_fingerprint"]:
        raise Refused(_("{folder} is no longer the model this run began with.").format(folder=base))

    worker.progress(0, None, what=_("reading the dataset"))
    tokenizer = load_tokenizer(base)
    project = Project(folder.parent.parent)
    samples = prepare(project, recipe, tokenizer)
    if samples.sha256 != request["dataset_sha256"]:
        raise Refused(
            _("The dataset has changed since this run was started: start a new one instead of resuming.")
        )
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
    conclude(trainer, folder, time.monotonic() - begun)
    # Whoever leaves before rank 0 has saved and said how it ended would be taken for fallen.
    trainer.accelerator.wait_for_everyone()


def _quieten() -> None:
    """Keep out of the user's log what libraries say to their developers."""
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    warnings.simplefilter("ignore", FutureWarning)
    # peft looks for the base by the name we gave it; the vocabulary is never changed here.
    warnings.filterwarnings("ignore", message="Could not find a config file")


def load_model(
    base: Path, recipe: Recipe, precision: str, *, cpu: bool, adapter: Path | None = None
) -> torch.nn.Module:
    """The frozen base in ``precision`` (or in 4 or 8 bits) with LoRA matrices in fp32 beside its layers.

    They are fresh, or those in the folder ``adapter``, with all that its configuration says.
    """
    from peft import LoraConfig, PeftModel, get_peft_model

    dtype = _DTYPES[precision]
    options: dict[str, Any] = {}
    if recipe.quantization_bit:
        options["quantization_config"] = _quantization(recipe.quantization_bit, dtype)
        options["device_map"] = {"": "cpu" if cpu else torch.cuda.current_device()}
    model = AutoModelForCausalLM.from_pretrained(
        base, dtype=dtype, local_files_only=True, trust_remote_code=False, use_safetensors=True, **options
    )
    model.config.use_cache = False
    if recipe.gradient_checkpointing:
        # Without this the first block's input needs no gradient and checkpointing would cut the graph there.
        model.enable_input_require_grads()
    torch.manual_seed(recipe.seed)
    lora = LoraConfig(
        r=recipe.lora_rank,
        lora_alpha=recipe.alpha,
        lora_dropout=recipe.lora_dropout,
        target_modules="all-linear" if recipe.lora_target == ["all"] else recipe.lora_target,
        task_type="CAUSAL_LM",
    )
    tuned = (
        PeftModel.from_pretrained(model, adapter, is_trainable=True)
        if adapter
        else get_peft_model(model, lora)
    )
    # The name travels with the adapter; where the base lies on this machine does not.
    tuned.peft_config["default"].base_model_name_or_path = recipe.model_name_or_path
    return tuned


def first_adapter(
    project: Project, recipe: Recipe, request: dict[str, Any], checkpoint: Path | None
) -> Path | None:
    """The folder of the adapter that a continued run loads; None for a fresh one.

    Raises BadInput when it is gone, Refused when it is another by now.
    """
    if recipe.adapter_name_or_path is None or checkpoint:
        # The checkpoint holds that adapter as it has become, of the same make.
        return checkpoint if recipe.adapter_name_or_path else None
    found = find_adapter(project, recipe)
    if found.sha256() != request.get("adapter_sha256"):
        raise Refused(
            _("The adapter in {folder} has changed since this run was made: make a new one.").format(
                folder=found.folder
            )
        )
    return found.folder


def _quantization(bits: int, dtype: torch.dtype) -> BitsAndBytesConfig:
    if bits == 8:
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )


def make_trainer(
    model: torch.nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    samples: Samples,
    recipe: Recipe,
    folder: Path,
    request: dict[str, Any],
) -> Trainer:
    """The Trainer of a run whose ``output_dir`` is ``folder``."""
    cpu = request["device"]["kind"] == "cpu"
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    several = worker.processes() > 1
    trainer = (EvenTrainer if several else Trainer)(
        model=model,
        args=arguments(
            recipe,
            folder,
            len(samples.train),
            request["precision"],
            cpu=cpu,
            measure=bool(samples.evaluation),
        ),
        train_dataset=Padded(samples.train) if several else samples.train,
        eval_dataset=samples.evaluation or None,
        data_collator=Collator(pad or 0, answers_only=gives_chosen_logits(model.get_base_model())),
        processing_class=tokenizer,
        callbacks=[TrainerLog(folder / files.METRICS), Requests()],
    )
    trainer.remove_callback(transformers.PrinterCallback)
    trainer.add_callback(BetweenLogs(trainer))
    return trainer


def arguments(
    recipe: Recipe, folder: Path, count: int, precision: str, *, cpu: bool, measure: bool
) -> TrainingArguments:
    """The recipe in Trainer's words, for so many samples."""
    same = ("num_train_epochs", "max_steps", "per_device_train_batch_size", "gradient_accumulation_steps",
            "learning_rate", "lr_scheduler_type", "weight_decay", "max_grad_norm", "optim", "seed",
            "logging_steps", "save_steps", "save_total_limit", "gradient_checkpointing")  # fmt: skip
    return TrainingArguments(
        output_dir=str(folder),
        **{name: getattr(recipe, name) for name in same},
        warmup_steps=schedule(recipe, count, worker.processes()).warmup,
        gradient_checkpointing_kwargs={"use_reentrant": False} if recipe.gradient_checkpointing else None,
        per_device_eval_batch_size=recipe.per_device_train_batch_size,
        eval_strategy="steps" if measure else "no",
        eval_steps=recipe.save_steps if measure else None,
        prediction_loss_only=True,
        save_strategy="steps",
        # On the CPU the base itself is in bf16 and nothing else needs casting.
        bf16=precision == "bf16" and not cpu,
        fp16=precision == "fp16",
        use_cpu=cpu,
        dataloader_pin_memory=not cpu,
        data_seed=recipe.seed,
        remove_unused_columns=False,
        label_names=["labels"],
        include_num_input_tokens_seen="non_padding",
        # A NaN must be seen, not averaged away.
        logging_nan_inf_filter=False,
        ddp_find_unused_parameters=False,
        disable_tqdm=True,
        report_to="none",
    )  # fmt: skip


def conclude(trainer: Trainer, folder: Path, seconds: float) -> None:
    """Save the adapter if every step is done, and say how the run ended."""
    state = trainer.state
    if state.global_step < state.max_steps:
        worker.result("stopped", step=state.global_step)
        print(_("Stopped after step {step}; everything is saved.").format(step=state.global_step), flush=True)
        return
    trainer.save_model(str(folder))
    losses = [entry["loss"] for entry in state.log_history if "loss" in entry]
    worker.result("finished", step=state.global_step, loss=losses[-1] if losses else None)
    print(
        _("Finished {step} steps in {time}.").format(step=state.global_step, time=duration(seconds)),
        flush=True,
    )


if __name__ == "__main__":
    try:
        main()
    except TarotError as error:
        print(error, file=sys.stderr, flush=True)
        sys.exit(error.exit_code)

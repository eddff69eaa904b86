"""What a larger and a smaller value of a parameter does, for those that are a matter of more or less."""

from __future__ import annotations

from tarot_tui.locale import N_, _

#: Parameter → larger, smaller.
_EFFECTS: dict[str, tuple[str, str]] = {
    "val_size": (
        N_("a surer measurement, fewer samples to learn from"),
        N_("more to learn from, a measurement that jumps about"),
    ),
    "max_samples": (N_("more is seen, it takes longer"), N_("quicker, for a first try")),
    "cutoff_len": (
        N_("longer samples fit whole; memory and time grow with the longest"),
        N_("less memory; longer samples lose their end, and the model does not learn to stop"),
    ),
    "lora_rank": (
        N_("can hold more facts; more memory, larger checkpoints, learns by rote sooner"),
        N_("less memory, stays nearer to the base; may not hold everything"),
    ),
    "lora_alpha": (
        N_("what is learned acts more strongly, like a higher learning rate"),
        N_("what is learned acts more gently"),
    ),
    "lora_dropout": (N_("less rote, slower learning"), N_("learns faster; 0 is fine for most")),
    "loraplus_lr_ratio": (N_("the second matrix learns faster, which may become unsteady"), N_("nearer to plain LoRA")),
    "neftune_noise_alpha": (N_("livelier answers, less exact"), N_("nearer to the samples' own words")),
    "quantization_bit": (N_("8: nearly exact, half the memory"), N_("4: a quarter of the memory, slightly coarser")),
    "per_device_train_batch_size": (
        N_("faster on a GPU that has room; more memory for each sample"),
        N_("less memory; raise gradient_accumulation_steps to keep the step as it was"),
    ),
    "gradient_accumulation_steps": (
        N_("steadier steps, but fewer of them; costs no memory"),
        N_("more steps from the same samples; each is noisier"),
    ),
    "learning_rate": (
        N_("learns faster; too much forgets the base, or the loss becomes NaN"),
        N_("safer and slower; too little changes nothing"),
    ),
    "num_train_epochs": (
        N_("remembers the samples better, in the end word for word; takes longer"),
        N_("stays freer; may not have learned yet"),
    ),
    "max_steps": (N_("goes on for longer, through as many epochs as that takes"), N_("ends sooner, for a first try")),
    "warmup_steps": (N_("a gentler beginning, less time at full speed"), N_("at full speed at once")),
    "warmup_ratio": (N_("a gentler beginning, less time at full speed"), N_("at full speed at once")),
    "weight_decay": (N_("keeps weights small, against rote"), N_("lets them grow; 0 is fine for LoRA")),
    "max_grad_norm": (N_("lets single strange samples act in full"), N_("calmer, and slower where steps are shortened often")),
    "logging_steps": (N_("a smoother curve of fewer points"), N_("more points; 1 shows every step")),
    "save_steps": (N_("less disk and time; more is lost when the machine fails"), N_("less is lost; each takes a moment and disk")),
    "save_total_limit": (N_("older states can be gone back to; more disk"), N_("less disk")),
    "eval_steps": (N_("measured less often, quicker"), N_("a finer curve; each measurement takes time")),
    "early_stopping_steps": (N_("more patient"), N_("ends sooner after the best point")),
    "sample_answers": (N_("more to compare, longer at the end"), N_("done sooner")),
}  # fmt: skip


def effects(name: str) -> tuple[str, str] | None:
    """What a larger and what a smaller value of the parameter ``name`` does, translated; None where it is no such matter."""
    found = _EFFECTS.get(name)
    return (_(found[0]), _(found[1])) if found else None

"""Imported: what kind of training, in how many bits, on how many GPUs."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tarot_tui.locale import _
from tarot_tui.text import one_line
from tarot_tui.training.importing.draft import Draft

_STAGE = re.compile(r"(?:z|zero|stage)[_-]?([123])", re.IGNORECASE)
#: Names of the on-the-fly method that we have too: LLaMA-Factory's since 0.9.3, and before.
_BITSANDBYTES = ("bnb", "bitsandbytes")


def stage(draft: Draft) -> None:
    """Only supervised fine-tuning has a counterpart."""
    given = draft.take("stage", "sft")
    if given != "sft":
        draft.say(
            "stage.other",
            "error",
            _("stage: {stage} is another kind of training; only sft can be taken over.").format(
                stage=one_line(str(given), 40)
            ),
        )


def quantization(draft: Draft) -> None:
    """The base in 4 or 8 bits by bitsandbytes, or not at all."""
    method, bits = draft.take("quantization_method"), draft.values.get("quantization_bit")
    if method == "bitsandbytes":
        draft.say(
            "quantization_method.old",
            "warning",
            _(
                "quantization_method: bitsandbytes is called bnb since LLaMA-Factory 0.9.3: a newer one refuses it, or trains unquantised without a word. Left out: it is what quantization_bit means here."
            ),
        )
    elif bits and method is not None and method not in _BITSANDBYTES:
        draft.mend(
            "quantization_method.other",
            "warning",
            _("quantization_method: {method} cannot be done here; bitsandbytes in 4 bits can.").format(
                method=one_line(str(method), 40)
            ),
            quantization_bit=4,
        )
        return
    if bits is not None and bits not in (4, 8):
        draft.mend(
            "quantization_bit.other",
            "warning",
            _("quantization_bit: {bits} cannot be done here; 4 and 8 can.").format(
                bits=one_line(str(bits), 40)
            ),
            quantization_bit=4,
        )


def packing(draft: Draft) -> None:
    """Only ``neat_packing`` keeps samples apart there; here packing always does."""
    if draft.values.get("packing") and not draft.values.get("neat_packing"):
        draft.say(
            "packing.apart",
            "info",
            _("packing alone lets samples of a row see each other in LLaMA-Factory; here they never do."),
        )


def deepspeed(draft: Draft) -> None:
    """DeepSpeed: in the way of a quantised base from ZeRO-3 on, not needed for one before, and else kept by its stage."""
    given = draft.take("deepspeed")
    if given is None:
        return
    name = one_line(str(given), 80)
    zero, bits = _zero(given, draft.project.root), draft.values.get("quantization_bit")
    if zero == 3 and bits:
        text = _(
            "deepspeed: {name} is ZeRO-3, which cannot share out a base of {bits} bits; without it each GPU holds the small base whole. Left out."
        )
        draft.say("deepspeed.zero3_quantised", "warning", text.format(name=name, bits=bits))
    elif bits:
        text = _(
            "deepspeed: {name} is left out: with a base of {bits} bits there is hardly anything for it to share out."
        )
        draft.say("deepspeed.not_needed", "info", text.format(name=name, bits=bits))
    elif zero in (2, 3):
        kind = f"z{zero}_offload" if "offload" in str(given) else f"z{zero}"
        text = _("deepspeed: {name} becomes {kind}, whose file is made when it is launched.")
        draft.mend("deepspeed.kept", "info", text.format(name=name, kind=kind), deepspeed=kind)
    else:
        text = _("deepspeed: {name} is left out: it shares nothing out that a recipe has a word for.")
        draft.say("deepspeed.left_out", "warning", text.format(name=name))
    if re.match(r"(\./)?cache/ds_z", name):
        text = _("{name} is not there in LLaMA-Factory 0.9.4 and later; it is in llamaboard_cache/.")
        draft.say("deepspeed.moved", "info", text.format(name=name))


def launcher(draft: Draft, words: list[str]) -> None:
    """What stood in front of the training: how many processes is said when it is started."""
    text = " ".join(words)
    several = re.search(r"accelerate|torchrun|deepspeed|FORCE_TORCHRUN|torch\.distributed", text)
    count = re.search(r"(?:--num_processes|--nproc_per_node|--num_gpus|NPROC_PER_NODE)[= ](\d+)", text)
    devices = re.search(r"CUDA_VISIBLE_DEVICES=([\d,]+)", text)
    if several or count or (devices and "," in devices[1]):
        number = count[1] if count else str(len(devices[1].split(","))) if devices else "N"
        draft.say(
            "launcher.processes",
            "info",
            _("On how many GPUs is not in the recipe: it is said when the training is started."),
            fix=f"tarot-tui train NAME --num-processes {number}",
        )
    if re.search(r"--config_file[= ]", text):
        draft.say(
            "launcher.config",
            "info",
            _(
                "accelerate's own config file is not needed: precision is the recipe's, the GPUs are chosen here."
            ),
        )


def _zero(given: object, root: Path) -> int:
    """The ZeRO stage of a DeepSpeed config, by its contents where it is there, else by its name; 0 when unknown."""
    path = root / str(given)
    try:
        found = (
            given
            if isinstance(given, dict)
            else json.loads(path.read_text("utf-8"))
            if path.is_file()
            else {}
        )
        return int(found["zero_optimization"]["stage"])
    except (OSError, ValueError, KeyError, TypeError):
        match = _STAGE.search(path.name)
        return int(match[1]) if match else 0

"""Imported: which model, which chat template, which data, and where they lie."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path, PureWindowsPath

from tarot_tui.locale import _
from tarot_tui.text import one_line
from tarot_tui.training.importing.draft import Draft
from tarot_tui.training.recipe_check import unknown_datasets

#: A family's name in a model's name or ``model_type`` → LLaMA-Factory's templates for it; the first match counts.
#: Source: ``register_model_group`` in ``extras/constants.py`` of 0.9.5.
_FAMILIES: tuple[tuple[str, set[str]], ...] = (
    (r"deepseek-?r1", {"deepseekr1"}),
    (r"deepseek", {"deepseek", "deepseek3", "deepseekcoder", "deepseekr1"}),
    (r"qwen-?3[._]?[56]", {"qwen3_5", "qwen3_5_nothink", "qwen3_6", "qwen3_6_nothink"}),
    (r"qwen-?3", {"qwen3", "qwen3_nothink", "qwen3_vl", "qwen3_vl_nothink"}),
    (r"qwen", {"qwen", "qwen2_vl", "chatml"}),
    (r"llama[-_]?4", {"llama4"}),
    (r"llama[-_]?3", {"llama3", "mllama"}),
    (r"llama[-_]?2.*(chinese|zh)|(chinese|zh).*llama[-_]?2", {"llama2", "llama2_zh"}),
    (r"llama[-_]?2", {"llama2"}),
    (r"smollm2", {"smollm2"}),
    (r"smollm", {"smollm"}),
    (r"mistral-?small", {"mistral_small"}),
    (r"ministral", {"ministral", "ministral3"}),
    (r"mistral|mixtral", {"mistral"}),
    (r"gemma-?4", {"gemma4", "gemma4n"}),
    (r"gemma-?3", {"gemma3", "gemma3n", "gemma"}),
    (r"gemma-?2(-|$)", {"gemma", "gemma2"}),
    (r"gemma", {"gemma"}),
    (r"chatglm-?3", {"chatglm3"}),
    (r"chatglm-?2", {"chatglm2"}),
    (r"glm-?4", {"glm4", "glm4v", "glm4_moe", "glmz1"}),
    (r"phi-?4", {"phi4", "phi4_mini"}),
    (r"phi-?3", {"phi", "phi_small"}),
    (r"internlm-?2", {"intern2"}),
    (r"baichuan-?2", {"baichuan2"}),
    (r"breeze", {"breeze"}),
    (r"vicuna", {"vicuna"}),
    (r"yi-?1\.5|\byi-", {"yi", "chatml"}),
    (r"gpt[-_]?oss", {"gpt_oss"}),
)
_QUANTISED = re.compile(r"(bnb-4bit|[-_](gptq|awq|int[48]|gguf))\b", re.IGNORECASE)


def model(draft: Draft) -> None:
    """The base: given at all, there, and not quantised already."""
    name = draft.values.get("model_name_or_path")
    page = draft.take("model_name")
    if not name:
        draft.say(
            "model.missing",
            "error",
            _(
                "LlamaBoard saves the name '{name}' of its own list, not where the model is; training_args.yaml beside it does."
            ).format(name=one_line(str(page), 60))
            if page
            else _("No model is given."),
            fix="--set model_name_or_path=OWNER/MODEL",
        )
        return
    _path(draft, "model_name_or_path")
    if _QUANTISED.search(str(name)):
        draft.say(
            "model.quantised",
            "warning",
            _(
                "{name} is quantised already: what is trained on it cannot be merged; take the 16-bit model and quantization_bit: 4."
            ).format(name=one_line(str(name), 80)),
        )
    if draft.take("trust_remote_code"):
        draft.say(
            "model.remote_code",
            "warning",
            _("trust_remote_code is left out: code that comes with a model is never run here."),
        )


def template(draft: Draft) -> None:
    """A recipe has no template: the model's own is used, for training and for serving."""
    given = draft.take("template")
    if given is None:
        return
    name = str(draft.values.get("model_name_or_path") or "")
    own = family(name, draft.project.root)
    if own and given not in own:
        draft.say(
            "template.other_family",
            "warning",
            _(
                "template: {given} is not what {model} speaks ({own}): it would learn marks that nothing sends it later. Left out: the model's own chat template is used."
            ).format(given=one_line(str(given), 40), model=one_line(name, 80), own=", ".join(sorted(own))),
        )
    else:
        draft.say(
            "template.left_out",
            "info",
            _("template: {given} is left out: the model's own chat template is used.").format(
                given=one_line(str(given), 40)
            ),
        )


def family(name: str, root: Path) -> set[str]:
    """The templates of the model ``name`` (on the hub, or a folder), empty when its family is not known."""
    text = name.replace("\\", "/").rstrip("/").rpartition("/")[2].lower()
    for pattern, templates in _FAMILIES:
        if re.search(pattern, text) or re.search(pattern, _model_type(root / name)):
            return templates
    return set()


def _model_type(folder: Path) -> str:
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
        kind, vocabulary = str(config.get("model_type")), int(config.get("vocab_size") or 0)
    except (OSError, ValueError, AttributeError, TypeError):
        return ""
    if kind == "llama":
        # Llama 2 has 32,000 tokens, Llama 3 128,256; others that call themselves llama have yet other numbers.
        return {32000: "llama2", 128256: "llama3"}.get(vocabulary, "")
    return kind


def data(draft: Draft) -> None:
    """Datasets by the names of this project, wherever LLaMA-Factory kept its own."""
    folder = draft.take("dataset_dir")
    if not draft.values.get("dataset"):
        draft.say("dataset.missing", "error", _("No dataset is given."), fix="--set dataset=NAME")
        return
    unknown = [
        replace(finding, severity="warning") for finding in unknown_datasets(draft.project, draft.values)
    ]
    draft.findings += unknown
    if folder and unknown and draft.project.resolve(str(folder)).resolve() != draft.project.data.resolve():
        draft.say(
            "dataset_dir.elsewhere",
            "info",
            _(
                "dataset_dir: {folder} belongs to LLaMA-Factory; datasets are looked up in {ours} here: build yours, or copy file and entry over."
            ).format(folder=one_line(str(folder), 80), ours="data/dataset_info.json"),
        )


def paths(draft: Draft) -> None:
    """Where results go is settled here, and an adapter to go on from must be there."""
    output = draft.take("output_dir")
    name = str(draft.values.get("model_name_or_path") or "")
    if output:
        own, other = family(name, draft.project.root), family(_run_of(str(output)), draft.project.root)
        if own and other and own != other:
            draft.say(
                "output_dir.other_model",
                "warning",
                _(
                    "output_dir: {folder} is named after another model than {model}. Left out: each run gets its own folder in jobs/."
                ).format(folder=one_line(str(output), 80), model=one_line(name, 80)),
            )
    if draft.values.get("adapter_name_or_path"):
        _path(draft, "adapter_name_or_path")


def _run_of(folder: str) -> str:
    """Of ``saves/<model>/lora/<run>`` the model's part."""
    parts = folder.replace("\\", "/").strip("/").split("/")
    return parts[1] if parts[0] == "saves" and len(parts) > 1 else parts[-1]


def _path(draft: Draft, key: str) -> None:
    given = str(draft.values[key])
    windows = bool(PureWindowsPath(given).drive) or "\\" in given
    looks_local = windows or given.startswith((".", "/", "~")) or given.count("/") > 1
    if looks_local and not draft.project.resolve(given).is_dir():
        draft.say(
            f"{key}.not_here",
            "error",
            _("{key}: {path} is a path of another machine, or not there.").format(
                key=key, path=one_line(given, 100)
            ),
            fix=f"--set {key}=…",
        )

"""What a release says about itself: template, stops, system prompt, parameters, test conversations, findings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tarot_tui.errors import TarotError
from tarot_tui.export.chat_template import Messages, json_object, trained_with
from tarot_tui.export.probes import probes
from tarot_tui.export.template import TemplateReport, template_of
from tarot_tui.findings import Finding
from tarot_tui.locale import _

if TYPE_CHECKING:
    from tarot_tui.export.worker import Export

#: Ollama's own default; a smaller num_ctx would cut conversations that the model can hold.
_CONTEXT = 4096
#: What a config calls the longest text: the names that llama.cpp's converter knows.
_LENGTHS = ("max_position_embeddings", "n_ctx", "n_positions", "max_length", "max_sequence_length")
_LICENSE_LIMIT = 100_000


def facts(export: Export, adds_bos: bool | None) -> dict[str, Any]:
    """The contents of ``release.json``. ``adds_bos``: what the GGUF tells the runtime about BOS, if it exists."""
    request = export.request
    tokenizer = trained_with(export.base, export.adapter)
    report = template_of(export.base, adds_bos, tokenizer)
    system, findings = trained_system(export)
    if report.system_mode in ("ignored", "unsupported", None):
        system = ""
    made = export.pieces["ggufs"]
    ggufs = {quant: made[quant] for quant in request["quants"]}
    findings = [*export.findings, *report.findings, *findings, *_about_template(report), *_about_types(ggufs)]
    findings += _about_tokens(export, tokenizer, report)
    return {
        "name": request["name"],
        "base": {
            "name": request.get("model_name_or_path") or export.base.name,
            "folder": str(export.base),
            "fingerprint": request.get("base_fingerprint"),
        },
        "run": request["run"],
        "adapter": request["adapter"],
        "adapters": request.get("adapters") or [],
        "step": request.get("step"),
        "ggufs": ggufs,
        "merged": bool(request["merge"]),
        "template": report.as_dict(),
        "system": system,
        "stops": list(report.stops),
        "parameters": {"num_ctx": context(export.base, request.get("cutoff_len"))},
        "license": license_of(export.base),
        "conversations": probes(tokenizer, report, system),
        "findings": [finding.as_dict() for finding in findings],
    }


def context(base: Path, trained: int | None) -> int:
    """``num_ctx``: never less than was trained, else Ollama's default, within what the model can hold."""
    most = longest_text(base)
    wanted = max(trained or 0, _CONTEXT)
    return min(wanted, most) if most > 0 else wanted


def longest_text(base: Path) -> int:
    """Tokens of the longest text that the model in ``base`` was made for; 0 when it does not say."""
    config = json_object(base / "config.json")
    text = config.get("text_config")
    config = {**config, **text} if isinstance(text, dict) else config
    return max(0, next((config[key] for key in _LENGTHS if isinstance(config.get(key), int)), 0))


def trained_system(export: Export) -> tuple[str, list[Finding]]:
    """The system prompt of every sample that was trained on, or nothing when they do not share one."""
    try:
        trained = _trained(export)
    except (TarotError, OSError) as error:
        text = _("The training's system prompt could not be looked up, so the model is served without one.")
        return "", [Finding("export.system_unknown", "warning", text, str(error))]
    systems = {one[0]["content"] if one[0]["role"] == "system" else "" for one in trained}
    if len(systems) > 1:
        text = _("The samples have {count} different system prompts, so the model is served without one.")
        return "", [Finding("export.systems", "info", text.format(count=len(systems)))]
    return (systems.pop() if systems else ""), []


def _trained(export: Export) -> list[Messages]:
    """The conversations that were trained on."""
    from tarot_tui.data.dataset import conversations as read_dataset

    limit = export.request.get("max_samples")
    return [
        one
        for name in export.request.get("dataset") or []
        for one in read_dataset(export.project, name)[:limit]
    ]


def license_of(base: Path) -> str:
    """The licence that comes with the base: its text, else the name in its model card; empty when neither is there."""
    for path in sorted(base.glob("LICENSE*")):
        if path.is_file():
            return path.read_text("utf-8", "replace")[:_LICENSE_LIMIT]
    try:
        card = (base / "README.md").read_text("utf-8", "replace")
    except OSError:
        return ""
    match = re.search(r"\A---\n.*?^license: *([\w.+-]+) *$.*?^---$", card, re.DOTALL | re.MULTILINE)
    return match[1] if match else ""


def _about_template(report: TemplateReport) -> list[Finding]:
    found = []
    if report.template is None:
        text = _("Ollama before 0.30 cannot serve this model as it was trained: it has no exact Go template.")
        found.append(Finding("template.none", "warning", text, report.reason))
    if not report.stops:
        text = _("Neither the tokenizer nor the chat template says what ends an answer: it may not stop.")
        found.append(Finding("template.no_stop", "warning", text))
    return found


def _about_tokens(export: Export, tokenizer: Path, report: TemplateReport) -> list[Finding]:
    from tarot_tui.export.tokens import findings

    if not export.request["quants"]:
        return []
    try:
        trained = _trained(export)
    except (TarotError, OSError):  # which has been said
        trained = []
    # Any of the files will do: they share one vocabulary.
    return findings(tokenizer, export.gguf(export.request["quants"][0]), trained=trained, stops=report.stops)


def _about_types(ggufs: dict[str, Any]) -> list[Finding]:
    found = []
    for quant, entry in ggufs.items():
        if entry["narrow"]:
            text = _(
                "{count} of {all} tensors are too narrow for {quant} and were stored otherwise; for a model this "
                "small q8_0 is the better choice."
            ).format(count=entry["narrow"], all=entry["tensors"], quant=quant)
            found.append(Finding("export.narrow", "warning", text, fix="--quant q8_0"))
    return found

"""A proof as a page that one can read, in Markdown."""

from __future__ import annotations

from typing import Any

from tarot_tui.locale import _
from tarot_tui.text import one_line, plain

_SHOWN = 10


def page(proof: dict[str, Any]) -> str:
    """``PROOF.md`` of the document that the worker writes as ``proof.json``."""
    sections = [
        f"# {proof['release']}\n\n**{proof['verdict']}**",
        _how(proof),
        _prompts(proof),
        _tokens(proof),
        _figures(proof),
        _answers(proof),
    ]
    return plain("\n\n".join(section for section in sections if section)) + "\n"


def _how(proof: dict[str, Any]) -> str:
    return _("Made {time} by {by}, from {run} on {base}.").format(
        time=proof["made"], by=proof["by"], run=proof["run"] or "–", base=proof["base"]
    )


def _prompts(proof: dict[str, Any]) -> str:
    lines = ["## " + _("Prompts")]
    for quant, found in proof["quants"].items():
        count, bad = found["prompts"]["compared"], len(found["prompts"]["different"])
        lines.append(
            _("- {quant}: llama.cpp makes of {count} conversations the very text of the training.").format(
                quant=quant, count=count
            )
            if not bad
            else _("- {quant}: {bad} of {count} conversations become another text.").format(
                quant=quant, bad=bad, count=count
            )
        )
    if proof["template"]["go"]:
        lines.append(
            _("- Ollama: the Go template renders a whole suite of conversations like the tokenizer's own.")
        )
    else:
        lines.append(
            _(
                "- Ollama: no Go template is exact ({reason}); Ollama 0.30 and newer use the one in the file."
            ).format(reason=one_line(proof["template"]["reason"], 200))
        )
    return "\n".join(lines)


def _tokens(proof: dict[str, Any]) -> str:
    lines = ["## " + _("Tokens")]
    for quant, found in proof["quants"].items():
        different = found["tokens"]["different"]
        lines.append(
            _("- {quant}: {count} texts become the same tokens.").format(
                quant=quant, count=found["tokens"]["compared"]
            )
            if not different
            else _("- {quant}: '{text}' becomes other tokens.").format(
                quant=quant, text=one_line(different[0]["text"], 80)
            )
        )
    return "\n".join(lines)


def _figures(proof: dict[str, Any]) -> str:
    rows = [
        f"| {quant} | {found['agreement']['kl']:.4f} | {found['agreement']['worst']:.3f} "
        f"| {found['agreement']['top1']:.1%} | {found['agreement']['positions']} |"
        for quant, found in proof["quants"].items()
        if "agreement" in found
    ]
    if not rows:
        return ""
    where = _("on samples held out from the training") if proof["held_out"] else _("on trained samples")
    titles = ("", _("mean KL (nats)"), _("worst"), _("same likeliest token"), _("positions"))
    head = f"| {' | '.join(titles)} |\n|---|---|---|---|---|"
    return "\n".join(
        [
            "## " + _("Probabilities, {where}").format(where=where),
            _("Compared with the trained model itself, before any export."),
            "",
            head,
            *rows,
        ]
    )


def _answers(proof: dict[str, Any]) -> str:
    if not proof["questions"]:
        return ""
    lines = ["## " + _("Answers, the likeliest each time")]
    for quant, found in proof["quants"].items():
        if "word_for_word" in found:
            lines.append(
                _("- {quant}: {same} of {count} trained answers word for word.").format(
                    quant=quant, same=found["word_for_word"], count=len(proof["questions"])
                )
            )
    for number, question in enumerate(proof["questions"][:_SHOWN]):
        lines.append(f"\n**{one_line(question, 300)}**\n")
        said = {_("expected"): proof["trained_answers"][number]}
        said |= {_("base"): proof["answers"]["base"][number], _("tuned"): proof["answers"]["tuned"][number]}
        said |= {
            quant: found["answers"][number] for quant, found in proof["quants"].items() if "answers" in found
        }
        lines += [f"- {who}: {one_line(text, 600)}" for who, text in said.items()]
    return "\n".join(lines)

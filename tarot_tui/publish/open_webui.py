"""What to set in Open WebUI, and why nothing more is needed. (docs.openwebui.com: Ollama connections, model settings.)"""

from __future__ import annotations

from tarot_tui.locale import _


def note(name: str, url: str, system: str) -> list[str]:
    """Lines for whoever opens the model ``name`` of the Ollama at ``url`` in Open WebUI."""
    lines = [
        _("Open WebUI and {name}:").format(name=name),
        "",
        _("1. Admin Settings > Connections > Ollama API: {url}").format(url=url),
        _("   In Docker this machine is http://host.docker.internal:11434 (start with")
        + " --add-host=host.docker.internal:host-gateway).",
        _("2. Choose {name} above the chat. That is all.").format(name=name),
        "",
        _("Why nothing more is needed:"),
        _("- The chat template and the stop tokens are in the model; Open WebUI sends messages, not text."),
    ]
    if system:
        lines.append(
            _(
                "- The trained system prompt is in the model. Leave 'System Prompt' empty in the settings of the model "
                "and of the chat: what stands there replaces it."
            )
        )
    else:
        lines.append(
            _(
                "- The model was trained without a system prompt. Leave 'System Prompt' empty: one would make another "
                "conversation of it."
            )
        )
    lines += [
        _(
            "- The context length is in the model. Leave 'num_ctx' at default: a smaller one cuts conversations."
        ),
        _(
            "- Temperature does not mend a wrong prompt; it may be set to taste, and 0 repeats the training best."
        ),
        _(
            "- Turn off 'Title generation' and 'Tags' with a small model: they ask it things it never learned."
        ),
    ]
    return lines

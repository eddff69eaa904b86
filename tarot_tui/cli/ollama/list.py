"""``tarot-tui ollama list``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from tarot_tui.cli.output import emit, say, table
from tarot_tui.locale import _
from tarot_tui.text import one_line, size


def arguments(parser: ArgumentParser) -> None:
    """The verb has no options of its own."""


def run(args: Namespace) -> int:
    """``--json``: one list of name, size (bytes), digest."""
    from tarot_tui.serving.ollama import Ollama

    with Ollama(args.host) as ollama:
        models = ollama.models()
    if args.json:
        emit([vars(model) for model in models])
    elif not models:
        say(args, _("Ollama at {url} holds no models yet.").format(url=ollama.url))
    else:
        rows = [(one_line(model.name), size(model.size), one_line(model.digest[:12])) for model in models]
        print("\n".join(table(rows, (_("name"), _("size"), _("digest")))))
    return 0

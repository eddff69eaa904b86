"""``tarot-tui ollama import NAME [--as NAME] [--quant Q] [--replace] [--host URL]``, ``ollama list``"""

from __future__ import annotations

import argparse
import sys
from argparse import ArgumentParser, Namespace

from tarot_tui.cli import common
from tarot_tui.cli.output import emit, findings, project_of, say, table
from tarot_tui.locale import _
from tarot_tui.text import one_line, size


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own verbs and their options."""
    verbs = parser.add_subparsers(dest="what", required=True, metavar="import|list")
    bring = _verb(verbs, "import", _("bring a model of this project into Ollama, and prove its prompt there"))
    bring.add_argument("name", metavar="NAME", help=_("a model of this project"))
    bring.add_argument(
        "--as", dest="there", default=None, metavar="NAME", help=_("its name in Ollama (default: the same)")
    )
    bring.add_argument(
        "--quant", default=None, metavar="TYPE", help=_("which quantisation (default: the first)")
    )
    bring.add_argument(
        "--replace", action="store_true", default=False, help=_("replace a model of that name")
    )
    _verb(verbs, "list", _("list the models that Ollama holds"))


def _verb(verbs: argparse._SubParsersAction, name: str, what: str) -> ArgumentParser:  # type: ignore[type-arg]
    # SUPPRESS: an option given before the inner verb must not be reset by its default after it.
    parser = verbs.add_parser(name, help=what, description=what, argument_default=argparse.SUPPRESS)
    common(parser)
    parser.add_argument(
        "--host", default=None, metavar="URL", help=_("the Ollama server (default: OLLAMA_HOST)")
    )
    return parser


def run(args: Namespace) -> int:
    """Import or list."""
    return {"import": _import, "list": _list}[args.what](args)


def _import(args: Namespace) -> int:
    """``--json``: name, url, version, findings."""
    from tarot_tui.export.release import read_release
    from tarot_tui.serving.ollama import Ollama

    release = read_release(project_of(args), args.name)
    with Ollama(args.host) as ollama:
        report = _Report(args)
        done = ollama.create(
            release, args.there or release.name, quant=args.quant, replace=args.replace, on_status=report
        )
        report.end()
    if args.json:
        emit(
            {
                "name": done.name,
                "url": done.url,
                "version": done.version,
                "findings": [finding.as_dict() for finding in done.findings],
            }
        )
        return 0
    say(
        args,
        _("'{name}' is in Ollama {version} at {url}.").format(
            name=done.name, version=done.version, url=done.url
        ),
    )
    say(args, *findings(done.findings))
    say(
        args,
        _("Next: 'ollama run {name}', or 'tarot-tui chat {name}'.").format(
            name=done.name.removesuffix(":latest")
        ),
    )
    return 0


class _Report:
    """What the import is doing, on standard error: each thing once, its share of bytes written over on a terminal."""

    def __init__(self, args: Namespace) -> None:
        self._silent = args.quiet or args.json
        self._over = sys.stderr.isatty()
        self._said = ""

    def __call__(self, what: str, done: int | None, total: int | None) -> None:
        if self._silent:
            return
        if what != self._said:
            self.end()
            self._said = what
            print(what, end="", flush=True, file=sys.stderr)
        if self._over and total and done is not None:
            share = f"{100 * done // total:3d} %  {size(done)} / {size(total)}"
            print(f"\r{what}  {share}", end="", flush=True, file=sys.stderr)

    def end(self) -> None:
        """Finish the line."""
        if self._said:
            print(file=sys.stderr)


def _list(args: Namespace) -> int:
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

"""The command line: one module per verb, imported only when that verb is called."""

from __future__ import annotations

import argparse
import contextlib
import errno
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tarot_tui import __version__, proxies
from tarot_tui.errors import TarotError
from tarot_tui.locale import LANGUAGES, N_, _, speak

#: verb → what it does. Its module is ``tarot_tui.cli.<verb>`` with ``arguments(parser)`` and ``run(args) -> int``.
VERBS = {
    "init": N_("make a project folder"),
    "login": N_("give this machine a Hugging Face token, see what it may do, or remove it"),
    "models": N_("base models: list, search, look at, fetch, remove"),
    "setup": N_("make a Python environment that fits this machine"),
    "doctor": N_("prove that this machine can train, and say how to mend it"),
    "data": N_("build a dataset from documents, and look at it"),
    "recipe": N_("what to train, as a file: begin, show, check, take over"),
    "train": N_("train a recipe as a job that outlives this terminal"),
    "engines": N_("what trains: install LLaMA-Factory in an environment of its own, check it"),
    "runs": N_("list the runs of this project"),
    "show": N_("what a run is: recipe, versions, checkpoints"),
    "watch": N_("watch a run: progress, loss, hardware, log"),
    "tail": N_("print the end of a run's log, and what comes"),
    "stop": N_("stop a run after it has saved a checkpoint"),
    "kill": N_("end a run at once, without saving"),
    "resume": N_("go on with a stopped run, exactly where it was"),
    "continue": N_("train a run's adapter further, as a new run"),
    "restart": N_("train a run's recipe again from the beginning, as a new run"),
    "clone": N_("make a new recipe from the one of a run"),
    "compare": N_("what differs between runs: recipes, curves, measurements"),
    "queue": N_("let runs wait for a free GPU or for each other"),
    "prune": N_("delete old checkpoints; the last and the best stay"),
    "rm": N_("delete a run"),
    "alerts": N_("say how you are told of what happens to runs, and try it"),
    "export": N_("turn a run into a model file (GGUF), or a merged folder"),
    "release": N_("the models that were made: list, show, prove, inspect"),
    "template": N_("print a model's chat template as Ollama needs it, verified"),
    "ollama": N_("import a model into Ollama over HTTP"),
    "chat": N_("talk to a model"),
    "publish": N_("send a model to the Hugging Face hub, a folder or a drive"),
    "docker": N_("put the project into containers, and check that they see the GPUs"),
    "notebook": N_("write a notebook that trains a recipe on Colab or Kaggle"),
    "glossary": N_("what the words mean: LoRA, epoch, quantisation …"),
    "serve": N_("the wizard in a web browser, on this machine only"),
    "keys": N_("the wizard's keys, as the file that changes them"),
    "demo": N_("all of it on a small built-in model, in a few minutes"),
}

# argparse's own sentences, so that the catalogue holds them too.
_ARGPARSE = (
    N_("usage: "),
    N_("positional arguments"),
    N_("options"),
    N_("show this help message and exit"),
    N_("show program's version number and exit"),
    N_("argument %(argument_name)s: %(message)s"),
    N_("the following arguments are required: %s"),
    N_("unrecognized arguments: %s"),
    N_("expected one argument"),
    N_("expected at least one argument"),
    N_("ambiguous option: %(option)s could match %(matches)s"),
    N_("invalid %(type)s value: %(value)r"),
    N_("invalid choice: %(value)r (choose from %(choices)s)"),
    N_("not allowed with argument %s"),
)


def main(argv: Sequence[str]) -> int:
    """Run one command line and return its exit code (0 done, 1 failed, 2 wrong, 3 refused, 130 interrupted)."""
    argv = _verb_first(list(argv))
    proxies.spell_out(os.environ)
    speak(_language_option(argv))
    try:
        return _dispatch(argv)
    except TarotError as error:
        return _complain(str(error), error.exit_code)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output is gone (`… | head`): nothing is left to say, and nowhere to say it.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except PermissionError as error:
        return _complain(
            _("{path} is not yours to read or write: change its permissions, or work elsewhere.").format(
                path=error.filename or _("The project")
            ),
            2,
        )
    except OSError as error:
        return _complain(_about_disk(error), 2)


def _dispatch(argv: list[str]) -> int:
    if argv and argv[0] in VERBS:
        verb = argv[0]
        module = importlib.import_module(f"tarot_tui.cli.{verb}")
        what = _(VERBS[verb])
        parser = _Parser(prog=f"tarot-tui {verb}", description=what[:1].upper() + what[1:])
        common(parser)
        module.arguments(parser)
        args = parser.parse_args(argv[1:])
        return module.run(args) or 0
    parser = _Parser(
        prog="tarot-tui",
        usage="tarot-tui [DIR] | tarot-tui VERB …",
        description=_(
            "From a folder of office documents to your own chat model. Without a verb: the wizard."
        ),
        formatter_class=_Verbs,
        epilog=_("verbs:")
        + "\n"
        + "\n".join(f"  {verb:<8} {_(what)}" for verb, what in VERBS.items())
        + "\n\n"
        + _("'tarot-tui VERB --help' explains each."),
    )
    common(parser)
    parser.add_argument(
        "dir", nargs="?", metavar="DIR", help=_("the project folder (default: the one you are in)")
    )
    parser.add_argument(
        "--version",
        action="version",
        version=f"tarot-tui {__version__}",
        help=_("show program's version number and exit"),
    )
    args = parser.parse_args(argv)
    if args.dir and not Path(args.dir).exists():
        from difflib import get_close_matches

        near = get_close_matches(args.dir, VERBS, 1)
        hint = (
            _("did you mean '{near}'?").format(near=near[0])
            if near
            else _("'tarot-tui init {dir}' makes a project there.").format(dir=args.dir)
        )
        parser.error(_("'{dir}' is neither a verb nor a folder: {hint}").format(dir=args.dir, hint=hint))
    from tarot_tui.cli.wizard import run

    return run(args)


def common(parser: argparse.ArgumentParser, *, inner: bool = False) -> None:
    """The options that every verb has. inner: of a verb inside another, which keeps what was said before it."""
    group = parser.add_argument_group(_("everywhere"))
    kept: dict[str, Any] = {"default": argparse.SUPPRESS} if inner else {}
    where = _("the project folder (default: the one you are in)")
    group.add_argument("--project", metavar="DIR", type=Path, help=where, **kept)
    group.add_argument("--lang", choices=sorted(LANGUAGES), help=_("language of the messages"), **kept)
    group.add_argument("--json", action="store_true", help=_("print JSON for scripts"), **kept)
    lines = _("line by line: no screens, and nothing that is drawn over")
    group.add_argument("--plain", action="store_true", help=lines, **kept)
    group.add_argument("-q", "--quiet", action="store_true", help=_("print results only"), **kept)


class _Help(argparse.HelpFormatter):
    """Help on lines that are measured in cells and may end between Chinese characters."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        from tarot_tui.line_breaks import broken

        return broken(" ".join(text.split()), width)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(indent + line for line in self._split_lines(text, width))


class _Verbs(argparse.RawDescriptionHelpFormatter, _Help):
    """The same around a text that has its own lines."""


class _Parser(argparse.ArgumentParser):
    """argparse that answers a wrong request in our one sentence, and in the reader's language."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"formatter_class": _Help} | options)

    def error(self, message: str) -> None:  # type: ignore[override]
        self.exit(
            2, f"tarot-tui: {message}\n" + _("Try '{command} --help'.").format(command=self.prog) + "\n"
        )


def _verb_first(argv: list[str]) -> list[str]:
    """The common options may stand before the verb too: ``tarot-tui --lang zh_TW runs``."""
    index = 0
    while index < len(argv) and argv[index].startswith("-"):
        index += 2 if argv[index] in ("--project", "--lang") else 1
    if index < len(argv) and argv[index] in VERBS:
        return [argv[index], *argv[:index], *argv[index + 1 :]]
    return argv


def _language_option(argv: list[str]) -> str | None:
    # Needed before argparse runs, since its help is translated too.
    for index, word in enumerate(argv):
        if word == "--lang" and index + 1 < len(argv):
            return argv[index + 1]
        if word.startswith("--lang="):
            return word.partition("=")[2]
    return None


def _about_disk(error: OSError) -> str:
    """What is wrong with a file or its disk. Raises ``error`` itself when it is about neither: then it is ours."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = error.filename or _("the project's disk")
        return _("No space left on {where}: free some and run the same command again.").format(where=where)
    if error.errno == errno.EROFS:
        return _("{path} lies on a disk that can only be read: work elsewhere.").format(
            path=error.filename or _("The project")
        )
    if error.filename is None:
        raise error
    return _("{path} cannot be used: {reason}; name another path, or look at that one.").format(
        path=error.filename, reason=error.strerror
    )


def _complain(sentence: str, code: int) -> int:
    from tarot_tui.text import plain

    print(f"tarot-tui: {plain(sentence)}", file=sys.stderr)
    return code

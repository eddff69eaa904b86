"""``tarot-tui data show NAME [N…] [-n COUNT] [--find WORDS | --changed] [--as-trained --model M]``"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tarot_tui.cli.output import emit, project_of, say
from tarot_tui.errors import BadInput
from tarot_tui.locale import N_, _
from tarot_tui.text import one_line, plain

if TYPE_CHECKING:
    from tarot_tui.data.preview import Preview, Shown
    from tarot_tui.data.show import Summary
    from tarot_tui.training.as_trained import View

_FIELDS = ("system", "instruction", "input", "output")
_STATES = {"edited": N_("edited"), "dropped": N_("dropped")}
#: role → how a terminal shows it, and what stands around it elsewhere.
_LOOKS = {"learned": ("\x1b[1;32m", "⟦", "⟧"), "cut": ("\x1b[9;31m", "✂", ""), "read": ("\x1b[2m", "", "")}


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("name", metavar="NAME", help=_("name of the dataset"))
    parser.add_argument(
        "numbers",
        nargs="*",
        type=int,
        default=[],
        metavar="N",
        help=_("numbers of samples (default: the first ones)"),
    )
    parser.add_argument(
        "-n", type=int, default=5, dest="count", metavar="COUNT", help=_("how many samples (default: 5)")
    )
    parser.add_argument("--find", default="", metavar="WORDS", help=_("only samples that say this"))
    parser.add_argument(
        "--changed",
        action="store_true",
        default=False,
        help=_("only samples that were edited or dropped"),
    )
    parser.add_argument(
        "--as-trained",
        action="store_true",
        default=False,
        help=_("as the model will see it, with what it learns marked (needs --model)"),
    )
    parser.add_argument(
        "--model", default="", metavar="M", help=_("the model: a folder, or a name on the hub")
    )
    parser.add_argument(
        "--cutoff-len",
        type=int,
        default=2048,
        metavar="N",
        help=_("tokens after which training cuts a sample (default: 2048)"),
    )


def run(args: Namespace) -> int:
    """``--json``: the fields of ``tarot_tui.data.show.Summary``; for chosen samples a list of ``data.preview.Shown``,

    with ``--as-trained`` each with ``view``, the fields of ``tarot_tui.training.as_trained.View``.
    """
    if args.count < 0:
        raise BadInput(_("-n {count}: the number of samples cannot be negative.").format(count=args.count))
    if args.as_trained and not args.model:
        raise BadInput(_("--as-trained needs --model: each model sees a sample its own way."))
    if args.numbers or args.find or args.changed or args.as_trained:
        return _chosen(args)
    from tarot_tui.data.show import summary

    found = summary(project_of(args), args.name, args.count)
    if args.json:
        emit(found.as_dict())
        return 0
    say(args, *_about(found))
    for number, sample in zip(found.numbers, found.first, strict=True):
        print(plain(f"\n[{number}]\n" + "\n".join(_lines(sample))))
    return 0


def _chosen(args: Namespace) -> int:
    from tarot_tui.data.preview import Preview

    preview = Preview(project_of(args), args.name).settle()
    documents = []
    found = 0
    for number in args.numbers or _numbers(preview, args):
        found += 1
        shown = preview.sample(number)
        view = _view(args, preview, shown) if args.as_trained and not shown.problem else None
        if args.json:
            documents.append(shown.as_dict() | ({"view": view.as_dict()} if view else {}))
        else:
            print("\n".join(["", _head(shown), *(_marked(view) if view else _said(shown))]), flush=True)
    if args.json:
        emit(documents)
    elif not found and args.changed:
        say(args, _("No sample was changed."))
    elif not found:
        say(args, _("No sample says '{words}'.").format(words=one_line(args.find, 60)))
    return 0


def _numbers(preview: Preview, args: Namespace) -> Iterator[int]:
    """The first samples, of those that were changed, or that say the words, if that is asked for."""
    if args.changed:
        yield from sorted(preview.changes)[: args.count]
        return
    number = 0
    for _step in range(args.count):
        if args.find:
            found = preview.find(args.find, number + 1)
        else:
            preview.index.scan(number + 1)
            found = number + 1 if number < len(preview.index) else None
        if found is None:
            return
        number = found
        yield number


def _view(args: Namespace, preview: Preview, shown: Shown) -> View:
    from tarot_tui.training.as_trained import view_in_child

    return view_in_child(
        preview.project, args.model, shown.messages, args.cutoff_len, lambda line: say(args, line)
    )


def _head(shown: Shown) -> str:
    state = f"  {_(_STATES[shown.state])}" if shown.state else ""
    return f"[{shown.number}]{state}"


def _said(shown: Shown) -> list[str]:
    if shown.problem:
        return [plain(shown.problem), plain(shown.text)]
    return [plain(f"{message['role']}: {message['content']}") for message in shown.messages]


def _marked(view: View) -> list[str]:
    lines = [
        _("{tokens} tokens, {learned} of them learned, {cut} cut off").format(
            tokens=view.tokens, learned=view.learned, cut=view.cut
        )
    ]
    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    text = ""
    for role, piece in view.parts:
        look, before, after = _LOOKS[role]
        text += f"{look}{plain(piece)}\x1b[0m" if coloured else f"{before}{plain(piece)}{after}"
    return [*lines, text]


def _about(found: Summary) -> list[str]:
    lines = [
        f"{one_line(found.name)}  {one_line(found.file)}  ({found.formatting})",
        _(
            "{samples} samples, {turns} answers, the longest of {longest} characters; {system} with a system prompt"
        ).format(
            samples=found.samples, turns=found.turns, longest=found.longest_answer, system=found.with_system
        ),
    ]
    if found.built:
        lines.append(
            _("built {time} from {sources}").format(
                time=one_line(found.built), sources=one_line(", ".join(found.sources))
            )
        )
    return lines


def _lines(sample: dict[str, str]) -> list[str]:
    turns = [
        _("{name}: {words}").format(name=_("earlier"), words=f"{question}\n→ {answer}")
        for question, answer in sample.get("history", ())
    ]
    return turns + [f"{key}: {sample[key]}" for key in _FIELDS if sample.get(key)]

"""``tarot-tui data show NAME [-n N]``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from tarot_tui.cli.output import emit, project_of, say
from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.text import one_line, plain

if TYPE_CHECKING:
    from tarot_tui.data.show import Summary

_FIELDS = ("system", "instruction", "input", "output")


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("name", metavar="NAME", help=_("name of the dataset"))
    parser.add_argument(
        "-n", type=int, default=5, dest="count", metavar="N", help=_("how many samples (default: 5)")
    )


def run(args: Namespace) -> int:
    """``--json``: the fields of ``tarot_tui.data.show.Summary``."""
    from tarot_tui.data.show import summary

    if args.count < 0:
        raise BadInput(_("-n {count}: the number of samples cannot be negative.").format(count=args.count))
    project = project_of(args)
    found = summary(project, args.name, args.count)
    if args.json:
        emit(found.as_dict())
        return 0
    say(args, *_about(found))
    for number, sample in enumerate(found.first, 1):
        print(plain(f"\n[{number}]\n" + "\n".join(_lines(sample))))
    return 0


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
    turns = [f"{_('earlier')}: {question}\n→ {answer}" for question, answer in sample.get("history", ())]
    return turns + [f"{key}: {sample[key]}" for key in _FIELDS if sample.get(key)]

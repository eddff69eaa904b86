"""The options of ``tarot-tui data synth``, and the request that they make."""

from __future__ import annotations

import re
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.text import one_line

if TYPE_CHECKING:
    from tarot_tui.data.synthesis.key import KeySource
    from tarot_tui.data.synthesis.limits import Limits
    from tarot_tui.data.synthesis.request import Request
    from tarot_tui.data.synthesis.tokens import Prices
    from tarot_tui.project import Project

#: Requests at a time: one for a model on this machine, which has other things to do, more for a service.
_AT_HOME, _AWAY = 1, 4
_PASTE_ROWS = 10


def declare(parser: ArgumentParser) -> None:
    """Declare the options of ``data synth``."""
    parser.add_argument(
        "sources", nargs="*", type=Path, metavar="SRC", help=_("files, or folders with all in them")
    )
    parser.add_argument("-o", "--output", default=None, metavar="NAME", help=_("name of the dataset"))
    parser.add_argument(
        "--prompt",
        type=Path,
        default=None,
        metavar="FILE",
        help=_("what the model is told (a file, or one of prompts/)"),
    )
    parser.add_argument(
        "--layout", choices=("alpaca", "openai"), default=None, help=_("instead of the prompt file's")
    )
    parser.add_argument(
        "--per-row",
        type=int,
        default=None,
        metavar="N",
        help=_("pairs for each row, instead of the prompt file's"),
    )
    parser.add_argument(
        "--rows", default="1-", metavar="A-B", help=_("only these rows, such as 1-50 (default: all)")
    )
    parser.add_argument(
        "--replace",
        action="store_true",
        default=False,
        help=_("also replace a dataset that was not written here"),
    )
    _writer(parser.add_argument_group(_("who writes")))
    _limits(parser.add_argument_group(_("limits")))
    _by_hand(parser.add_argument_group(_("by hand, in any chat")))
    parser.add_argument(
        "--resume",
        nargs="?",
        const="-1",
        default=None,
        metavar="JOB",
        help=_("go on with a job (default: the latest)"),
    )


def _writer(group) -> None:  # type: ignore[no-untyped-def]
    group.add_argument(
        "--endpoint",
        default=None,
        metavar="URL",
        help=_("an OpenAI-compatible server, or 'ollama' or 'openai'"),
    )
    group.add_argument("--model", default=None, metavar="M", help=_("the model's name there"))
    key = group.add_mutually_exclusive_group()
    key.add_argument(
        "--key-env", default=None, metavar="NAME", help=_("the environment variable that holds the API key")
    )
    key.add_argument(
        "--key-file",
        type=Path,
        default=None,
        metavar="FILE",
        help=_("a file that holds it, readable by you only"),
    )
    key.add_argument(
        "--ask-key", action="store_true", default=False, help=_("type it, hidden; it is stored nowhere")
    )
    group.add_argument(
        "--yes", action="store_true", default=False, help=_("do not ask before rows leave this machine")
    )


def _limits(group) -> None:  # type: ignore[no-untyped-def]
    group.add_argument(
        "--estimate", action="store_true", default=False, help=_("say what it will take, and send nothing")
    )
    group.add_argument(
        "--price-in", type=float, default=None, metavar="P", help=_("what a million tokens sent cost")
    )
    group.add_argument(
        "--price-out", type=float, default=None, metavar="P", help=_("what a million tokens received cost")
    )
    group.add_argument(
        "--max-cost", type=float, default=None, metavar="C", help=_("stop asking before this is passed")
    )
    group.add_argument(
        "--rpm", type=float, default=None, metavar="N", help=_("requests per minute (default: no limit)")
    )
    group.add_argument(
        "--concurrency",
        type=int,
        default=None,
        metavar="N",
        help=_("requests at a time (default: 1 on this machine, else 4)"),
    )
    group.add_argument(
        "--timeout", type=float, default=180.0, metavar="S", help=_("seconds for one answer (default: 180)")
    )
    group.add_argument(
        "--anew", action="store_true", default=False, help=_("ask again what is answered already")
    )


def _by_hand(group) -> None:  # type: ignore[no-untyped-def]
    group.add_argument(
        "--clipboard-prompt",
        action="store_true",
        default=False,
        help=_("print a prompt for the next rows, to paste into a chat"),
    )
    group.add_argument(
        "-n",
        type=int,
        default=_PASTE_ROWS,
        dest="count",
        metavar="N",
        help=_("how many rows it is for (default: 10)"),
    )
    group.add_argument(
        "--copy", action="store_true", default=False, help=_("copy it to the terminal's clipboard instead")
    )
    group.add_argument(
        "--paste",
        default=None,
        metavar="FILE",
        help=_("read what the chat gave back, from a file or - for what you paste"),
    )


def request_of(args: Namespace, project: Project) -> Request:
    """What the options ask for. Raises BadInput for a wrong or missing one."""
    from tarot_tui.data.synthesis import place, prompt
    from tarot_tui.data.synthesis.request import Request

    if not (args.sources and args.output and args.prompt):
        raise BadInput(_("Say what to write from and how: SRC…, -o NAME and --prompt FILE."))
    file = prompt.find(project, args.prompt)
    url = place.base_url(args.endpoint) if args.endpoint else ""
    first, last = _rows(args.rows)
    return Request(
        sources=tuple(args.sources),
        name=args.output,
        prompt=prompt.load(file, layout=args.layout, per_row=args.per_row),
        prompt_file=file,
        url=url,
        model=args.model or "",
        key=_key(args, url),
        first=first,
        last=last,
        limits=_pace(args, place.stays_here(url, args.model or "")),
        prices=_prices(args),
        most=args.max_cost,
    )


def _key(args: Namespace, url: str) -> KeySource:
    from tarot_tui.data.synthesis.key import KeySource, usual

    if args.key_env:
        if not re.fullmatch(r"[A-Za-z_]\w*", args.key_env, re.ASCII):
            raise BadInput(_("--key-env takes the name of an environment variable, never the key itself."))
        return KeySource("env", args.key_env)
    if args.key_file:
        return KeySource("file", str(args.key_file.absolute()))
    return KeySource("typed") if args.ask_key else usual(url)


def _pace(args: Namespace, at_home: bool) -> Limits:
    from tarot_tui.data.synthesis.limits import Limits

    at_a_time = args.concurrency if args.concurrency is not None else (_AT_HOME if at_home else _AWAY)
    for name, value, most in (
        ("--concurrency", at_a_time, 256),
        ("--rpm", args.rpm, 100_000),
        ("--timeout", args.timeout, 86_400),
    ):
        if value is not None and not 0 < value <= most:
            raise BadInput(_("{option} must be above 0 and at most {most}.").format(option=name, most=most))
    return Limits(per_minute=args.rpm, concurrency=at_a_time, timeout=args.timeout)


def _prices(args: Namespace) -> Prices | None:
    from tarot_tui.data.synthesis.tokens import Prices

    given = (args.price_in, args.price_out)
    if given == (None, None):
        return None
    if None in given or min(given) < 0:
        raise BadInput(_("--price-in and --price-out go together, and are not negative."))
    return Prices(*given)


def _rows(text: str) -> tuple[int, int | None]:
    first, dash, last = text.partition("-")
    if not first.isdecimal() or not (last.isdecimal() or not last) or int(first) < 1:
        raise BadInput(_("--rows {text}: write it as 7, 1-50 or 51-.").format(text=one_line(text, 40)))
    if not dash:
        return int(first), int(first)
    return int(first), int(last) if last else None

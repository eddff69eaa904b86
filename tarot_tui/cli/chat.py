"""``tarot-tui chat NAME [--prompt TEXT] [--system TEXT] [--temperature T] [--local | --host URL]``"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tarot_tui.cli.output import emit, project_of, say
from tarot_tui.errors import BadInput, TarotError
from tarot_tui.locale import _

if TYPE_CHECKING:
    from tarot_tui.project import Project
    from tarot_tui.serving.chat import Chat

Messages = list[dict[str, str]]


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own options."""
    parser.add_argument(
        "name", metavar="NAME", help=_("a model of this project, a .gguf file, or a model in Ollama")
    )
    parser.add_argument(
        "--prompt", metavar="TEXT", help=_("answer this on standard output and end ('-': read it)")
    )
    parser.add_argument(
        "--system", metavar="TEXT", help=_("another system prompt than the trained one ('': none)")
    )
    for name, kind, what in (
        ("temperature", float, _("0 answers the same each time (default: the model's)")),
        ("top-p", float, _("draw only from the most likely tokens up to this share (0 to 1)")),
        ("num-predict", int, _("at most so many tokens")),
        ("seed", int, _("the same number draws the same answer again")),
    ):
        parser.add_argument(f"--{name}", type=kind, metavar="N", help=what)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--local", action="store_true", help=_("llama.cpp here, even if Ollama runs"))
    where.add_argument("--host", metavar="URL", help=_("the Ollama server (default: OLLAMA_HOST)"))


def run(args: Namespace) -> int:
    """One answer, or a conversation.

    ``--json`` with ``--prompt``: model, backend, prompt, answer, tokens, seconds, prompt_tokens.
    """
    from tarot_tui.serving.chat import open_chat

    if args.json and args.prompt is None:
        raise BadInput(_("--json needs --prompt: a conversation is for people."))
    prefer = "local" if args.local else "ollama" if args.host else "auto"
    chat = open_chat(_project(args), args.name, prefer, args.host)
    if args.prompt is not None:
        return _once(args, chat)
    say(args, _("Loading {label} …").format(label=chat.label))
    with chat:
        return _converse(args, chat)


def _project(args: Namespace) -> Project | None:
    try:
        return project_of(args)
    except BadInput:
        # A model in Ollama or a .gguf file needs no project around it.
        if args.project:
            raise
        return None


def _once(args: Namespace, chat: Chat) -> int:
    prompt = sys.stdin.read() if args.prompt == "-" else args.prompt
    with chat:
        pieces = []
        for piece in _plain(chat.send(_opening(args.system, prompt), **_options(args))):
            pieces.append(piece)
            if not args.json:
                print(piece, end="", flush=True)
    if args.json:
        emit(
            {
                "model": args.name,
                "backend": chat.backend,
                "prompt": prompt,
                "answer": "".join(pieces),
                "tokens": chat.stats.tokens,
                "seconds": round(chat.stats.seconds, 3),
                "prompt_tokens": chat.stats.prompt_tokens,
            }
        )
    else:
        print()
    return 0


def _opening(system: str | None, prompt: str | None = None) -> Messages:
    messages = [] if system is None else [{"role": "system", "content": system}]
    return messages if prompt is None else [*messages, {"role": "user", "content": prompt}]


def _options(args: Namespace) -> dict[str, Any]:
    names = ("temperature", "top_p", "num_predict", "seed")
    return {name: value for name in names if (value := getattr(args, name)) is not None}


def _plain(pieces: Iterator[str]) -> Iterator[str]:
    """Model output, made harmless while it streams."""
    from tarot_tui.serving.stream import PlainStream

    stream = PlainStream()
    for piece in pieces:
        if text := stream.feed(piece):
            yield text
    if rest := stream.finish():
        yield rest


def _converse(args: Namespace, chat: Chat) -> int:
    with suppress(ImportError):
        import readline  # noqa: F401  arrow keys and history in input()

    if chat.system and args.system is None:
        say(args, _("system prompt: {system}").format(system=chat.system))
    say(
        args,
        _(
            "/reset begins anew, /system TEXT sets the system prompt, /quit or Ctrl-D leaves, Ctrl-C stops an answer."
        ),
    )
    messages = _opening(args.system)
    while (line := _read()) is not None:
        command, _space, rest = line.partition(" ")
        if command in ("/quit", "/exit"):
            break
        if command == "/reset":
            messages = [one for one in messages if one["role"] == "system"]
        elif command == "/system":
            messages = _opening(rest)
        elif line.startswith("/"):
            say(
                args, _("There is no {command}; there are /reset, /system and /quit.").format(command=command)
            )
        elif line:
            _answer(args, chat, messages, line)
    return 0


def _read() -> str | None:
    """The next line, or None at the end of input; Ctrl-C at the prompt drops the line."""
    while True:
        try:
            return input("\n> ").strip()
        except KeyboardInterrupt:
            print()
        except EOFError:
            print()
            return None


def _answer(args: Namespace, chat: Chat, messages: Messages, question: str) -> None:
    """Ask, print the answer as it comes, and keep both; what failed is not kept."""
    asked = [*messages, {"role": "user", "content": question}]
    pieces = chat.send(asked, **_options(args))
    said: list[str] = []
    try:
        for piece in _plain(pieces):
            print(piece, end="", flush=True)
            said.append(piece)
    except KeyboardInterrupt:
        chat.cancel()
    except TarotError as error:
        print(f"\ntarot-tui: {error}", file=sys.stderr)
        return
    finally:
        pieces.close()
    print()
    if chat.stats.tokens:
        say(
            args,
            _("({tokens} tokens, {speed:.0f} a second)").format(
                tokens=chat.stats.tokens, speed=chat.stats.per_second
            ),
        )
    messages[:] = [*asked, {"role": "assistant", "content": "".join(said)}]

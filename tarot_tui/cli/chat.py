"""``tarot-tui chat NAME [--prompt TEXT] [--compare OTHER [--blind]] [--system TEXT] [--temperature T] …``"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from tarot_tui.cli.output import emit, project_if_any, say
from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.serving.sampling import OPTIONS

if TYPE_CHECKING:
    from tarot_tui.project import Project
    from tarot_tui.serving.chat import Chat
    from tarot_tui.serving.dialogue import Dialogue


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own options."""
    parser.add_argument(
        "name", metavar="NAME", help=_("a model of this project, a .gguf file, or a model in Ollama")
    )
    parser.add_argument(
        "--prompt", metavar="TEXT", help=_("answer this on standard output and end ('-': read it)")
    )
    parser.add_argument(
        "--compare", metavar="OTHER", help=_("ask this model the same, and show both answers")
    )
    parser.add_argument(
        "--blind", action="store_true", help=_("with --compare: hide which is which, and count your votes")
    )
    parser.add_argument(
        "--system", metavar="TEXT", help=_("another system prompt than the trained one ('': none)")
    )
    for option in OPTIONS.values():
        parser.add_argument(f"--{option.name.replace('_', '-')}", metavar="N", help=_(option.help))
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--local", action="store_true", help=_("llama.cpp here, even if Ollama runs"))
    where.add_argument("--host", metavar="URL", help=_("the Ollama server (default: OLLAMA_HOST)"))


def run(args: Namespace) -> int:
    """One answer, or a conversation.

    ``--json`` with ``--prompt``: model, backend, prompt, answer, tokens, seconds, prompt_tokens; with ``--compare`` a
    list of two such.
    """
    if args.json and args.prompt is None:
        raise BadInput(_("--json needs --prompt: a conversation is for people."))
    if args.blind and (not args.compare or args.prompt is not None):
        raise BadInput(_("--blind needs --compare OTHER, and somebody to vote: leave --prompt out."))
    options = {name: option.parse(text) for name, option in OPTIONS.items() if (text := getattr(args, name))}
    # A model in Ollama or a .gguf file needs no project around it.
    project = project_if_any(args)
    names = [args.name, *([args.compare] if args.compare else [])]
    chats = [_open(args, project, name) for name in names]
    if args.prompt is not None:
        prompt = sys.stdin.read() if args.prompt == "-" else args.prompt
        return _once(args, chats, prompt, options)
    from tarot_tui.cli.conversation import Conversation
    from tarot_tui.serving.dialogue import Dialogue

    with ExitStack() as stack:
        for chat in chats:
            say(args, _("Loading {label} …").format(label=chat.label))
            stack.enter_context(chat)
        dialogues = [Dialogue(chat, args.system, options) for chat in chats]
        return Conversation(args, project, dialogues).run()


def _open(args: Namespace, project: Project | None, name: str) -> Chat:
    from tarot_tui.serving.chat import open_chat

    prefer = "local" if args.local else "ollama" if args.host else "auto"
    return open_chat(project, name, prefer, args.host)


def _once(args: Namespace, chats: list[Chat], prompt: str, options: dict[str, Any]) -> int:
    from tarot_tui.serving.dialogue import Dialogue

    answers = []
    for number, chat in enumerate(chats):
        # One after the other: two models need not fit into memory at once for this.
        with chat:
            if len(chats) > 1 and not args.json:
                print(("\n" if number else "") + f"[{chat.name}]")
            answers.append(_answer(args, Dialogue(chat, args.system, options), prompt))
    if args.json:
        emit(answers if args.compare else answers[0])
    return 0


def _answer(args: Namespace, dialogue: Dialogue, prompt: str) -> dict[str, Any]:
    pieces = []
    for piece in dialogue.ask(prompt):
        pieces.append(piece)
        if not args.json:
            print(piece, end="", flush=True)
    if not args.json:
        print()
    return {
        "model": dialogue.chat.name,
        "backend": dialogue.chat.backend,
        "prompt": prompt,
        "answer": "".join(pieces),
        "tokens": dialogue.stats.tokens,
        "seconds": round(dialogue.stats.seconds, 3),
        "prompt_tokens": dialogue.stats.prompt_tokens,
    }

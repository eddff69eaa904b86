"""The engine that a verb is about."""

from __future__ import annotations

from argparse import ArgumentParser

from tarot_tui.locale import _


def engine_argument(parser: ArgumentParser) -> None:
    """Only LLaMA-Factory is installed apart; the native engine comes with the program."""
    parser.add_argument(
        "engine",
        nargs="?",
        choices=("llamafactory",),
        default="llamafactory",
        help=_("which engine (default: llamafactory)"),
    )

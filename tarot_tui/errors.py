"""What can go wrong, told apart by whose fault it is; each carries its exit code."""

from __future__ import annotations


class TarotError(Exception):
    """The work failed. The message is one sentence a person can act on."""

    exit_code = 1


class BadInput(TarotError):
    """The request was wrong: says what, where, and how to mend it. Nothing was written."""

    exit_code = 2


class Refused(TarotError):
    """The request was understood and turned down, for the reason in the message."""

    exit_code = 3

"""The API key: where it comes from, and how it reaches the worker without being written anywhere.

A key is named by an environment variable or kept in a file of its owner's; the job records that name and the worker
looks there itself. A key that was typed goes to the worker in its environment, for this start only: it is not recorded,
so it is asked for again when the job is resumed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tarot_tui.data.synthesis.place import OPENAI
from tarot_tui.errors import BadInput, Refused
from tarot_tui.locale import _
from tarot_tui.text import one_line

#: Carries a typed key from the start of a job to its worker.
VARIABLE = "TAROT_TUI_SYNTH_KEY"
_OPENAI_VARIABLE = "OPENAI_API_KEY"
_LONGEST = 10_000


@dataclass(frozen=True)
class KeySource:
    """kind: ``none``, ``env`` (name: the variable), ``file`` (name: its path) or ``typed``."""

    kind: Literal["none", "env", "file", "typed"] = "none"
    name: str = ""

    def read(self) -> str:
        """The key; '' without one. Raises BadInput when it is not there, Refused when others may read it."""
        if self.kind == "env":
            return _from_environment(self.name)
        if self.kind == "file":
            return _from_file(Path(self.name))
        if self.kind == "typed":
            key = os.environ.pop(VARIABLE, "")
            if not key:
                raise Refused(
                    _(
                        "The key that was typed is not kept: 'tarot-tui data synth --resume' asks for it again."
                    )
                )
            return key
        return ""

    def as_dict(self) -> dict[str, str]:
        """For ``job.yaml``: where the key is, never the key."""
        return {"kind": self.kind, "name": self.name}

    @classmethod
    def parse(cls, found: Any) -> KeySource:
        """What :meth:`as_dict` wrote."""
        found = found if isinstance(found, dict) else {}
        kind = found.get("kind")
        return cls(kind if kind in ("env", "file", "typed") else "none", str(found.get("name", "")))


def usual(url: str) -> KeySource:
    """Where the key of an endpoint is when nobody says: OpenAI's variable, and only for OpenAI."""
    if url == OPENAI and os.environ.get(_OPENAI_VARIABLE):
        return KeySource("env", _OPENAI_VARIABLE)
    return KeySource()


@contextmanager
def handed_over(key: str) -> Iterator[None]:
    """Start a job in this block, and its worker finds the typed ``key``."""
    if not key:
        yield
        return
    os.environ[VARIABLE] = checked(key)
    try:
        yield
    finally:
        os.environ.pop(VARIABLE, None)


def checked(key: str) -> str:
    """``key`` without white space around it. Raises BadInput for what cannot be a key."""
    key = key.strip()
    if not key or len(key) > _LONGEST or not (key.isascii() and key.isprintable()) or " " in key:
        raise BadInput(_("This is no key: a key is one line of letters, digits and signs without spaces."))
    return key


def _from_environment(name: str) -> str:
    if not (key := os.environ.get(name)):
        raise BadInput(
            _("The environment variable {name} is not set: set it to the key, and go on.").format(
                name=one_line(name, 60)
            )
        )
    return checked(key)


def _from_file(path: Path) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            if stat.S_IMODE(mode) & 0o077:
                raise Refused(
                    _("{file} holds a key and others may read it: run 'chmod 600 {file}' first.").format(
                        file=path
                    )
                )
            return checked(file.read(_LONGEST + 1))
    except UnicodeDecodeError:
        raise BadInput(_("{file} holds no key.").format(file=path)) from None
    except OSError as error:
        raise BadInput(
            _("{file} cannot be read: {reason}.").format(file=path, reason=error.strerror)
        ) from None

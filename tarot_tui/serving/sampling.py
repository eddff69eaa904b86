"""How a model is asked: one declaration for the command's options, ``/set``, and the screen's form.

Names and meanings are Ollama's (docs/modelfile.md, PARAMETER).
"""

from __future__ import annotations

from dataclasses import dataclass

from tarot_tui.errors import BadInput
from tarot_tui.locale import N_, _
from tarot_tui.text import one_line


@dataclass(frozen=True)
class Option:
    """One setting. kind: int or float; low, high: the values that make sense, None where there is no bound."""

    name: str
    kind: type
    low: float | None
    high: float | None
    help: str

    def parse(self, text: str) -> int | float:
        """``text`` as a value. Raises BadInput with the range."""
        try:
            value = self.kind(text.strip())
        except ValueError:
            value = None
        # Written so that NaN, which compares with nothing, falls out too.
        fits = (
            value is not None
            and value == value
            and (self.low is None or value >= self.low)
            and (self.high is None or value <= self.high)
        )
        if not fits:
            raise BadInput(
                _("{name} cannot be '{value}': it is {range}.").format(
                    name=self.name, value=one_line(text, 40), range=self.range
                )
            )
        return value  # type: ignore[return-value]

    @property
    def range(self) -> str:
        """In words what values there are."""
        number = _("a whole number") if self.kind is int else _("a number")
        if self.low is not None and self.high is not None:
            return _("{number} from {low} to {high}").format(number=number, low=self.low, high=self.high)
        if self.low is not None:
            return _("{number} from {low} up").format(number=number, low=self.low)
        return number


OPTIONS = {
    option.name: option
    for option in (
        Option("temperature", float, 0, 5, N_("0 answers the same each time (default: the model's)")),
        Option("top_k", int, 0, None, N_("draw only from so many of the likeliest tokens; 0: from all")),
        Option("top_p", float, 0, 1, N_("draw only from the most likely tokens up to this share (0 to 1)")),
        Option("min_p", float, 0, 1, N_("leave out tokens less likely than this share of the likeliest")),
        Option("repeat_penalty", float, 0.1, 5, N_("above 1: say the same less often")),
        Option("num_predict", int, -1, None, N_("at most so many tokens")),
        Option("num_ctx", int, 64, None, N_("so many tokens of the conversation are kept in mind")),
        Option("seed", int, -1, None, N_("the same number draws the same answer again")),
    )
}


def option(name: str) -> Option:
    """The option of that name, ``-`` or ``_`` alike. Raises BadInput with the nearest one."""
    found = OPTIONS.get(name.strip().lower().replace("-", "_"))
    if found is None:
        from difflib import get_close_matches

        near = get_close_matches(name, OPTIONS, 1)
        hint = _(" (did you mean '{near}'?)").format(near=near[0]) if near else ""
        raise BadInput(
            _("There is no setting '{name}'{hint}; there are {known}.").format(
                name=one_line(name, 40), hint=hint, known=", ".join(OPTIONS)
            )
        )
    return found

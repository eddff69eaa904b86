"""Number formats of spreadsheets (ECMA-376 part 1, 18.8.30 and 18.8.31): a number as its cell shows it.

Understood are digits, thousands, decimals, percent, scaling by trailing commas, literal text and currency, with
sections for positive, negative and zero. Of everything else (fractions, exponents, conditions, and dates, which
never get here) the number is shown plainly.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache

#: Those of the formats built into every workbook that change how a number reads.
BUILT_IN = {
    1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%",
    37: "#,##0;-#,##0", 38: "#,##0;-#,##0", 39: "#,##0.00;-#,##0.00", 40: "#,##0.00;-#,##0.00",
}  # fmt: skip

Show = Callable[[float], str]

_TOKEN = re.compile(
    r'"([^"]*)"|\\(.)|\[\$([^\]-]*)[^\]]*\]|\[(?:Black|Blue|Cyan|Green|Magenta|Red|White|Yellow|Color\d+)\]'
    r"|[_*].|([#0?,.]+)|([%$+\-():! €£¥])|(.)",
    re.IGNORECASE | re.DOTALL,
)
_ATOM = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|.', re.DOTALL)
_LONGEST_CODE = 255


@dataclass(frozen=True)
class _Section:
    """``before``, the number, ``after``; no number where ``digits`` is None."""

    before: str
    after: str
    digits: tuple[int, int, int] | None  # least digits before the point, least and most after it
    grouped: bool
    power: int  # of ten, by which the number is multiplied

    def show(self, value: Decimal) -> str:
        if self.digits is None:
            return self.before + self.after
        whole, least, most = self.digits
        scaled = value.scaleb(self.power).quantize(Decimal(1).scaleb(-most), ROUND_HALF_UP)
        integer, _point, fraction = f"{scaled:f}".partition(".")
        integer = integer.lstrip("0").rjust(whole, "0")
        if self.grouped:
            integer = re.sub(r"(?<=\d)(?=(\d{3})+$)", ",", integer)
        fraction = fraction[:least] + fraction[least:].rstrip("0")
        return f"{self.before}{integer}{'.' if fraction else ''}{fraction}{self.after}"


@lru_cache(maxsize=1000)
def parse(code: str) -> Show | None:
    """How ``code`` shows a number, None when it shows it as it is or is not understood."""
    if len(code) > _LONGEST_CODE or code.lower() == "general":
        return None
    sections = [_section(part) for part in _split(code)[:3]]
    if None in sections or sections[0].digits is None:  # type: ignore[union-attr]
        return None
    positive, negative, zero = (*sections, None, None)[:3]

    def show(number: float) -> str:
        # Fifteen digits are what a spreadsheet computes with: 0.285 is not 0.28499999999999998.
        value = Decimal(format(number, ".15g"))
        try:
            if value == 0 and zero:
                return zero.show(value)
            if value < 0:
                return negative.show(-value) if negative else "-" + positive.show(-value)  # type: ignore[union-attr]
            return positive.show(value)  # type: ignore[union-attr]
        except InvalidOperation:  # more digits than a Decimal holds
            return format(number, ".15g")

    return show


def _split(code: str) -> list[str]:
    """The sections between semicolons that are not quoted."""
    sections = [""]
    for token in _ATOM.findall(code):
        if token == ";":
            sections.append("")
        else:
            sections[-1] += token
    return sections


def _section(code: str) -> _Section | None:
    before, after, mask, percents = "", "", "", 0
    for token in _TOKEN.finditer(code):
        quoted, escaped, currency, digits, sign, other = token.groups()
        if other is not None or (digits and mask):
            return None
        if digits:
            mask = digits
            continue
        percents += sign == "%"
        literal = quoted or escaped or currency or sign or ""
        if mask:
            after += literal
        else:
            before += literal
    if not mask:
        return _Section(before, after, None, False, 0)
    whole, _point, fraction = mask.partition(".")
    scaled = len(whole) - len(whole.rstrip(","))
    whole = whole.rstrip(",")
    if "," in fraction:
        return None
    return _Section(
        before,
        after,
        (whole.count("0"), fraction.count("0"), len(fraction)),
        "," in whole,
        2 * percents - 3 * scaled,
    )

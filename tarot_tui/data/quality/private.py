"""What should not be learned by heart and told to strangers: keys, passwords, and who can be reached how.

Shapes are those that the issuers publish; where a number has check digits, they are checked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

# Nothing of below is in a text without one of these, and most texts have none.
_HINT = re.compile(
    r"[0-9A-Za-z_\-]{16}|\d[\d\- ()]{6}|[\w.]@\w|-----BEGIN|(?i:pass|pwd|secret|key)|密碼|密码|[A-Z][A-D1289]\d{8}"
)


@dataclass(frozen=True)
class Kind:
    """One kind of what is private. mask: what is put in its place. holds: whether a match really is one."""

    mask: str
    pattern: re.Pattern[str]
    holds: Callable[[str], bool] = lambda _found: True


def _luhn(found: str) -> bool:
    """A payment card: 13 to 19 digits, an issuer's first digit, and the check digit of ISO/IEC 7812 (Luhn)."""
    digits = [int(character) for character in found if character.isdigit()]
    if not 13 <= len(digits) <= 19 or len(set(digits)) < 2:
        return False
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


#: The number behind each letter of a Taiwan ID, in the order of the letters.
_LETTERS = "ABCDEFGHJKLMNPQRSTUVXYWZIO"


def _taiwan_id(found: str) -> bool:
    """A Taiwan national ID or resident certificate: the letter is two digits, weights 1 9 8 … 1 1, a multiple of ten."""
    number = _LETTERS.index(found[0]) + 10
    second = found[1] if found[1].isdigit() else str(_LETTERS.index(found[1]) % 10)
    digits = [number // 10, number % 10, *map(int, second + found[2:])]
    return sum(d * w for d, w in zip(digits, (1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1), strict=True)) % 10 == 0


def _china_id(found: str) -> bool:
    """A resident identity card of the PRC: 18 places, ISO 7064 MOD 11-2."""
    total = sum((10 if c in "Xx" else int(c)) * 2 ** (17 - place) for place, c in enumerate(found))
    return total % 11 == 1 and 1 <= int(found[10:12]) <= 12


def _guessable(found: str) -> bool:
    """What stands behind ``password:`` and looks like one, rather than like the next word of a sentence."""
    kinds = [any(map(test, found)) for test in (str.islower, str.isupper, str.isdigit)]
    return sum(kinds) >= 2 and found.isascii()


SECRETS = (
    Kind(
        "[private key]",
        re.compile(
            r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z ]+-----|\Z)", re.DOTALL
        ),
    ),
    Kind(
        "[key]",
        re.compile(
            r"\b(?:hf_[A-Za-z0-9]{30,}|gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{40,}|glpat-[\w-]{20,}"
            r"|sk-(?:proj-|ant-[\w]+-)?[A-Za-z0-9_-]{20,}|sk_live_[A-Za-z0-9]{20,}|xox[abprs]-[A-Za-z0-9-]{10,}"
            r"|(?:AKIA|ASIA)[A-Z0-9]{16}|AIza[\w-]{35}|npm_[A-Za-z0-9]{36}|pypi-[\w-]{50,}"
            r"|eyJ[\w-]{10,2000}\.eyJ[\w-]{10,4000}\.[\w-]{10,})"
        ),
    ),
    Kind(
        "[password]",
        re.compile(
            r"(?:(?i:\b(?:password|passwd|pwd|secret|api[_ -]?key))|密碼|密码)\s{0,3}(?:is|是|為|为)?\s{0,3}[:=：]\s{0,3}[\"'「]?"
            r"(?P<private>[^\s\"'」,，。;；]{6,64})"
        ),
        _guessable,
    ),
)

PERSONAL = (
    Kind(
        "[e-mail]",
        re.compile(
            r"(?<![\w.+-])[A-Za-z0-9][\w.+-]{0,63}@(?!example\.)(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,24}\b",
            re.ASCII,
        ),
    ),
    Kind("[card]", re.compile(r"(?<![\w.-])[3-6]\d(?:[ -]?\d){11,17}(?![\w-])", re.ASCII), _luhn),
    Kind("[ID]", re.compile(r"(?<![A-Za-z0-9])[A-Z][A-D1289]\d{8}(?![A-Za-z0-9])"), _taiwan_id),
    Kind("[ID]", re.compile(r"(?<![\w-])[1-9]\d{5}(?:19|20)\d{9}[\dXx](?![\w-])", re.ASCII), _china_id),
    Kind(
        "[phone]",
        re.compile(
            r"(?<![\w.+-])(?:"
            r"(?:\+?886[ -]?\(?0?\)?|0)9\d{2}[ -]?\d{3}[ -]?\d{3}"  # Taiwan, mobile
            r"|(?:\+?886[ -]?|\(?0)[2-8]\d{0,2}\)?[ -]\d{3,4}[ -]?\d{4}"  # Taiwan, landline
            r"|(?:\+?86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}"  # mainland China, mobile
            r"|\+[1-9]\d{0,2}[ -]\(?\d{1,4}\)?(?:[ -]?\d{2,4}){2,4}"  # international, ITU-T E.164
            r"|\(\d{3}\) ?\d{3}-\d{4}|\d{3}-\d{3}-\d{4}"  # North America
            r")(?![\w-])",
            re.ASCII,
        ),
    ),
)


def found_in(text: str, kinds: tuple[Kind, ...]) -> str:
    """What of ``kinds`` is in ``text``, each by its mask and its first characters; '' when nothing is."""
    if not _HINT.search(text):
        return ""
    return ", ".join(f"{kind.mask} {text[begin : begin + 3]}…" for kind, begin, _end in _places(text, kinds))


def masked(text: str, kinds: tuple[Kind, ...]) -> str:
    """``text`` with a mask in place of everything of ``kinds``."""
    for kind in kinds:
        for one, begin, end in sorted(_places(text, (kind,)), key=lambda place: -place[1]):
            text = text[:begin] + one.mask + text[end:]
    return text


def _places(text: str, kinds: tuple[Kind, ...]) -> Iterator[tuple[Kind, int, int]]:
    for kind in kinds:
        for match in kind.pattern.finditer(text):
            group = "private" if "private" in kind.pattern.groupindex else 0
            if kind.holds(match[group]):
                yield kind, *match.span(group)

"""A recipe's parameter as a form shows it, read from its one declaration."""

from __future__ import annotations

from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from tarot_tui.locale import _


@dataclass(frozen=True)
class Field:
    """One parameter as a form shows it.

    type: ``bool``, ``int``, ``float``, ``str`` or ``list`` (of names). optional: may be empty (None). default: None
    also where there is none. help: translated. choices: the only values allowed, if there are such. allowed: what is
    allowed, in words.
    """

    name: str
    type: type
    optional: bool
    required: bool
    default: Any
    help: str
    basic: bool
    choices: tuple[Any, ...]
    allowed: str


def declared_field(name: str, info: FieldInfo) -> Field:
    """What a form needs of the parameter ``name``, read from its declaration."""
    plain, choices, optional = _unwrapped(info.annotation)
    return Field(
        name=name,
        type=plain,
        optional=optional,
        required=info.is_required(),
        default=None if info.is_required() else info.default,
        help=_(info.description or ""),
        basic=bool((info.json_schema_extra or {})["basic"]),
        choices=choices,
        allowed=_allowed(plain, choices, optional, info),
    )


def _unwrapped(annotation: Any) -> tuple[type, tuple[Any, ...], bool]:
    """The plain type below Annotated, Optional and Literal, the literal's values, and whether None is one."""
    optional = False
    if get_origin(annotation) in (Union, UnionType):
        (annotation,) = (part for part in get_args(annotation) if part is not NoneType)
        optional = True
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) is Literal:
        choices = get_args(annotation)
        return type(choices[0]), choices, optional
    return get_origin(annotation) or annotation, (), optional


def _allowed(plain: type, choices: tuple[Any, ...], optional: bool, info: FieldInfo) -> str:
    kinds = {
        int: _("a whole number"),
        float: _("a number"),
        bool: _("true or false"),
        str: _("a text"),
        list: _("a name, or several with commas"),
    }
    words = [_(", ").join(map(str, choices)) if choices else kinds[plain]]
    for limit in info.metadata:
        for name, sentence in (
            ("ge", _("at least {limit}")),
            ("gt", _("more than {limit}")),
            ("le", _("at most {limit}")),
            ("lt", _("less than {limit}")),
        ):
            if (value := getattr(limit, name, None)) is not None:
                words.append(sentence.format(limit=f"{value:g}" if value < 1e6 else value))
    if optional:
        words.append(_("or empty"))
    return _(", ").join(words)

"""What a value of a recipe may be written as: numbers, names and chances, as people and LLaMA-Factory write them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator


def _number(value: Any) -> Any:
    # pydantic takes true for 1; a learning rate of "yes" is a mistake.
    if isinstance(value, bool):
        raise ValueError("a number is needed")
    return value


def _names(value: Any) -> Any:
    if isinstance(value, str):
        value = value.split(",")
    if isinstance(value, list | tuple):
        return [item.strip() if isinstance(item, str) else item for item in value if item not in ("", None)]
    return [] if value is None else value


def _shares(value: Any) -> Any:
    """Numbers with commas between them, as LLaMA-Factory writes them."""
    if value is None:
        return None
    parts = (
        value.split(",") if isinstance(value, str) else value if isinstance(value, list | tuple) else [value]
    )
    if not all(isinstance(part, str | int | float) for part in parts):
        raise ValueError("numbers are needed")
    shares = [float(part) for part in parts]
    if not all(0 < share < float("inf") for share in shares):
        raise ValueError("chances above zero are needed")
    return ",".join(f"{share:g}" for share in shares)


Shares = Annotated[str | None, BeforeValidator(_shares)]
Whole = Annotated[int, BeforeValidator(_number)]
Real = Annotated[float, BeforeValidator(_number)]
Names = Annotated[list[str], BeforeValidator(_names)]

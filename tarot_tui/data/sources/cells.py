"""Values of spreadsheet cells as text."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from tarot_tui.data.sources.table import clean


def as_text(value: Any) -> str:
    """A cell's value as a spreadsheet shows it when nobody has set a format.

    Whole numbers without a decimal point, others with up to 15 digits; ``TRUE`` and ``FALSE``; dates as
    ``2024-08-21``, with the time when there is one; durations as ``30:00:00``.
    """
    if type(value) is float:  # first, since all numbers of a workbook are
        return _number(value)
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, datetime):
        day = value.date().isoformat()
        return day if value.time() == time() else f"{day} {_clock(value.time())}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, time):
        return _clock(value)
    if isinstance(value, timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    return "" if value is None else clean(str(value))


def _number(value: float) -> str:
    if -1e15 < value < 1e15 and value == (whole := int(value)):
        return str(whole)
    return f"{value:.15g}"


def _clock(value: time) -> str:
    return f"{value:%H:%M:%S}" if value.second else f"{value:%H:%M}"

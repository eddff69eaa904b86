"""Number formats show a number as a spreadsheet would."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tarot_tui.data.sources.number_format import parse


@pytest.mark.parametrize(
    ("code", "value", "shown"),
    [
        ("0", 2.5, "3"),
        ("0.00", 0.285, "0.29"),
        ("0.00", -3, "-3.00"),
        ("0.##", 1.5, "1.5"),
        ("0.##", 2, "2"),
        ("00000", 123, "00123"),
        ("#,##0", 1234567, "1,234,567"),
        ("#,##0", 999, "999"),
        ("#,##0.00", -1234.5, "-1,234.50"),
        ("0%", 0.25, "25%"),
        ("0.0%", 0.1234, "12.3%"),
        ("0,", 12345, "12"),
        ('"NT$"#,##0', 5000, "NT$5,000"),
        ("[$€-407] #,##0.00", 3, "€ 3.00"),
        ('0"張"', 3, "3張"),
        ("0\\ 元", 3, None),
        ("#,##0;[Red](#,##0)", -1234, "(1,234)"),
        ('0;-0;"none"', 0, "none"),
        ('0;"a;b"', -1, "a;b"),
    ],
)
def test_a_number_is_shown_in_its_format(code, value, shown):
    show = parse(code)
    assert (show and show(value)) == shown


@pytest.mark.parametrize(
    "code", ["General", "@", "# ?/?", "0.00E+00", "yyyy-mm-dd", "[>100]0", "000-0000", "", '"x"', "0" * 300]
)
def test_what_is_not_understood_is_left_alone(code):
    assert parse(code) is None


@given(
    st.text('0#?,.%;[]$-()"\\_* E/yRed張', max_size=30),
    st.floats(allow_nan=True, allow_infinity=True),
)
def test_any_format_shows_any_number_or_leaves_it(code, value):
    show = parse(code)
    assert show is None or isinstance(show(value), str)

import pytest
from rich.cells import cell_len

from tarot_tui.tui.machine import Machine, checked
from tarot_tui.tui.spans import bar, chop_words, fit, flow, spread, width_of
from tarot_tui.tui.widgets.hardware import HardwarePanel

GPU = {"index": 0, "name": "NVIDIA H100 80GB HBM3", "util": 97, "mem_used": 60e9, "mem_total": 85.9e9}
GPU |= {"temp": 61, "power": 412.0}
HOST = {"time": 0.0, "cpu": 34.0, "ram_used": 12.1e9, "ram_total": 32e9, "disk_free": 81e9, "rss": 3.2e9}


def text(lines):
    return "\n".join("".join(run for _, run in line) for line in lines)


def panel(width, height, *gpus, **more):
    shown = HardwarePanel()
    sample = HOST | {"gpus": list(gpus)} | more
    shown._machine = Machine(sample, checked(sample))
    return shown.compose_lines(width, height)


def test_runs_are_cut_and_filled_by_cells_and_never_split_a_wide_character():
    assert text([fit([("a", "聖杯三")], 5)]) == "聖杯 "
    assert width_of(spread([("a", "聖杯" * 20)], [("b", "end")], 30)) == 30
    assert len(flow([[("", "x" * 8)]] * 5, 20, 2)) == 3


def test_a_bar_is_as_long_as_its_share():
    assert text([bar(0.5, 4, "ok")]) == "⠶⠶⠤⠤"
    assert text([bar(7, 3, "ok"), bar(-1, 2, "ok")]) == "⠶⠶⠶\n⠤⠤"


def test_a_sentence_is_broken_at_spaces_and_a_long_word_anywhere():
    assert chop_words("one two three", 8) == ["one two", "three"]
    assert all(
        cell_len(line) <= 7 for line in chop_words("不會在空格斷開的一句話 and-some-very-long-word", 7)
    )


@pytest.mark.parametrize("width, height", [(38, 40), (38, 8), (60, 10), (78, 4), (158, 10)])
@pytest.mark.parametrize("count", [0, 1, 2, 8, 16])
def test_the_hardware_fits_any_width_and_any_number_of_gpus(width, height, count):
    lines = panel(width, height, *[GPU | {"index": index} for index in range(count)])
    assert all(width_of(line) <= width for line in lines)
    shown = text(lines)
    assert "34 %" in shown and "12.1/32 GB" in shown
    assert ("no GPU" in shown) == (count == 0)
    # In so low a column many are summed up by eights.
    assert shown.count("97 %") == count or (height == 8 and count >= 8 and len(lines) <= height)


def test_heat_and_fullness_have_their_words():
    hot = GPU | {"temp": 90, "mem_used": 85e9}
    for width in (38, 78):
        shown = text(panel(width, 30, GPU, hot))
        assert "61 C ok" in shown and "90 C hot" in shown and "85.0/86 full" in shown
    assert "full" in text(panel(78, 10, *[hot] * 8))


def test_a_gpu_that_says_little_or_nothing_shows_gaps_and_no_error():
    mute = dict.fromkeys(GPU) | {"index": 3, "stale": 12}
    for count in (1, 4):
        shown = text(panel(78, 10, *[mute] * count))
        assert "stale 12 s" in shown and "The NVIDIA driver has not answered for 12 s." in shown
    assert "lost" in text(panel(78, 10, dict.fromkeys(GPU) | {"lost": True}))
    assert text(panel(38, 40, {})) and text(panel(78, 10, "nonsense", {"index": "?"}))
    hostile = {"index": "\x1b[31m", "name": ["x"], "util": "97", "mem_used": float("nan"), "power": 10**400}
    assert "\x1b" not in text(panel(78, 10, hostile, cpu="busy", ram_total=0, disk_free=None))

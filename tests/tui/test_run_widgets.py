import pytest
from rich.cells import cell_len
from textual.app import App

from tarot_tui.tui.widgets.hardware import HardwarePanel
from tarot_tui.tui.widgets.lines import bar, fit, flow, spread, width_of
from tarot_tui.tui.widgets.log import KEPT, LogView
from tarot_tui.tui.widgets.run_head import chop_words

GPU = {"index": 0, "name": "NVIDIA H100 80GB HBM3", "util": 97, "mem_used": 60e9, "mem_total": 85.9e9}
GPU |= {"temp": 61, "power": 412.0}
HOST = {"time": 0.0, "cpu": 34.0, "ram_used": 12.1e9, "ram_total": 32e9, "disk_free": 81e9, "rss": 3.2e9}


def text(lines):
    return "\n".join("".join(run for _, run in line) for line in lines)


def panel(width, height, *gpus, **more):
    shown = HardwarePanel()
    shown._sample = HOST | {"gpus": list(gpus)} | more
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
    assert shown.count("97 %") == count


def test_heat_and_fullness_have_their_words():
    hot = GPU | {"temp": 90, "mem_used": 85e9}
    for width in (38, 78):
        shown = text(panel(width, 30, GPU, hot))
        assert "61 C ok" in shown and "90 C hot" in shown and "nearly full" in shown
    assert "full" in text(panel(78, 10, *[hot] * 8))


def test_a_gpu_that_says_little_or_nothing_shows_gaps_and_no_error():
    mute = dict.fromkeys(GPU) | {"index": 3, "stale": True}
    assert "does not answer" in text(panel(78, 10, mute))
    assert "no answer" in text(panel(78, 10, *[mute] * 4))
    assert text(panel(38, 40, {})) and text(panel(78, 10, "nonsense", {"index": "?"}))
    hostile = {"index": "\x1b[31m", "name": ["x"], "util": "97", "mem_used": float("nan"), "power": 10**400}
    assert "\x1b" not in text(panel(78, 10, hostile, cpu="busy", ram_total=0, disk_free=None))


class LogApp(App):
    def compose(self):
        yield LogView()


def rows(app):
    return [app.query_one(LogView).render_line(y).text.rstrip() for y in range(app.size.height)]


async def test_the_log_follows_until_one_scrolls_and_again_at_the_end():
    app = LogApp()
    async with app.run_test(size=(20, 5)) as pilot:
        log = app.query_one(LogView)
        log.extend([f"line {n}" for n in range(20)])
        assert rows(app)[-1] == "line 19"
        log.focus()
        await pilot.press("pageup")
        assert rows(app) == [f"line {n}" for n in range(11, 16)]
        log.extend(["line 20"])
        assert rows(app)[-1] == "line 15"
        await pilot.press("end")
        log.extend(["line 21"])
        assert rows(app)[-1] == "line 21"
        await pilot.press("home")
        assert rows(app)[0] == "line 0"


async def test_a_short_log_stands_at_the_top_and_an_unfinished_line_is_replaced():
    app = LogApp()
    async with app.run_test(size=(20, 5)):
        log = app.query_one(LogView)
        log.extend(["first"], "10 %")
        log.extend([], "20 %")
        assert rows(app) == ["first", "20 %", "", "", ""]
        log.extend(["done"], "")
        assert rows(app) == ["first", "done", "", "", ""]


async def test_long_and_wide_lines_are_wrapped_and_again_when_the_width_changes():
    app = LogApp()
    async with app.run_test(size=(10, 6)) as pilot:
        app.query_one(LogView).extend(["聖杯三正位的含義", "x" * 25])
        assert rows(app)[:5] == ["聖杯三正位", "的含義", "x" * 10, "x" * 10, "x" * 5]
        await pilot.resize_terminal(25, 6)
        assert rows(app)[:2] == ["聖杯三正位的含義", "x" * 25]


async def test_the_log_is_harmless_and_bounded():
    app = LogApp()
    async with app.run_test(size=(20, 5)):
        log = app.query_one(LogView)
        log.extend(["\x1b[31mred\x1b[0m\x07 \x1b]0;title\x07x\ty"])
        assert "\x1b" not in rows(app)[0] and "red" in rows(app)[0]
        log.extend(f"line {n}" for n in range(3 * KEPT))
        assert len(log._lines) == len(log._rows) == KEPT
        assert rows(app)[-1] == f"line {3 * KEPT - 1}"

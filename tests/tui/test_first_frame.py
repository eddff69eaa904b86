"""What is drawn before Textual is there: the screen's own beginning, on a terminal that is given back whatever happens."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from functools import partial

import pyte
import pytest
from rich.cells import cell_len
from rich.style import Style

from tarot_tui.locale import set_language
from tarot_tui.tui import first_lines
from tarot_tui.tui.app import WizardApp
from tarot_tui.tui.first_frame import drawn
from tarot_tui.tui.watch_app import WatchApp


@pytest.fixture
def job(make_job):
    """A run in the middle of its work, the newer of two."""
    make_job().status("failed", 3, reason="The moon was in the way.")
    running = make_job()
    running.status("running", 120, pace={"first_step": 0, "first_time": 0.0, "step": 120, "time": 240.0})
    running.losses(2.0, 1.5)
    return running


#: In place of Textual's first module: what is drawn before it can be looked at for as long as one likes.
NO_TEXTUAL = "import time; time.sleep(600)"


def run(project, job):
    return WatchApp(project, job.folder), partial(first_lines.run, job.folder)


def runs(project, job):
    return WatchApp(project, None), partial(first_lines.runs, project)


def step(project, job):
    project.remember("step", "export")
    return WizardApp(project), partial(first_lines.step, project)


def welcome(project, job):
    return WizardApp(None, project.root), first_lines.welcome


@pytest.mark.parametrize("size, language", [((120, 40), "en"), ((80, 24), "zh_TW")])
@pytest.mark.parametrize("screen", [run, runs, step, welcome])
async def test_what_is_drawn_first_stays_where_it_is(screen, size, language, project, job, colours, until):
    set_language(language)
    app, draw = screen(project, job)
    first = pyte.Screen(*size)
    pyte.Stream(first).feed(drawn(draw(*size), os.environ))
    wanted = {place: cell for place, cell in seen(first) if cell[0].strip()}
    assert len(wanted) > 30
    async with app.run_test(size=size) as pilot:
        with suppress(AssertionError):
            await until(pilot, lambda: not missing(wanted, app), 10)
        assert not missing(wanted, app)


def test_a_terminal_that_draws_arrows_wide_gets_none(project):
    lines = first_lines.step(project, 120, 40)
    assert "▶" in drawn(lines, {})
    assert "▶" not in drawn(lines, {"TAROT_TUI_AMBIGUOUS": "wide"})


def missing(wanted, app):
    """Where the app shows something else, or in other colours."""
    shown = cells(app)
    return {
        place: (cell, shown.get(place)) for place, cell in wanted.items() if not alike(cell, shown.get(place))
    }


def seen(screen):
    """Place, and character with bold and both colours, of each cell."""
    for y in range(screen.lines):
        for x in range(screen.columns):
            cell = screen.buffer[y][x]
            yield (x, y), (cell.data, cell.bold, cell.fg, cell.bg)


def cells(app):
    """The same of what an app shows."""
    found = {}
    for y, strip in enumerate(app.screen._compositor.render_strips()):
        x = 0
        for segment in strip:
            for character in segment.text:
                style = segment.style or Style()
                found[x, y] = (character, bool(style.bold), *map(hexed, (style.color, style.bgcolor)))
                x += cell_len(character)
    return found


def hexed(color):
    return color.get_truecolor().hex.lstrip("#") if color else "default"


def alike(one, other):
    """The same to the eye: Textual loses a bit of a colour when it takes a theme apart. Time goes on meanwhile."""
    if other is None or one[1] != other[1] or "default" in (*one, *other):
        return False
    if one[0] != other[0] and not (one[0].isdigit() and other[0].isdigit()):
        return False
    return all(
        abs(a - b) <= 2
        for mine, its in zip(one[2:], other[2:], strict=True)
        for a, b in zip(bytes.fromhex(mine), bytes.fromhex(its), strict=True)
    )


@pytest.fixture
def started(open_terminal, project, job, tmp_path):
    """A start of the live view; instead of Textual's its first module may be what a test says."""

    def start(textual="", verb=("watch", job.folder.name), size=(100, 30), **environ):
        if textual:
            (tmp_path / "textual.py").write_text(textual)
            environ["PYTHONPATH"] = os.pathsep.join([str(tmp_path), *sys.path])
        argv = [sys.executable, "-m", "tarot_tui", "--project", str(project.root), *verb]
        return open_terminal(argv, *size, **environ)

    return start


def test_a_key_that_is_pressed_before_textual_is_there_counts(started):
    terminal = started()
    terminal.wait_for("step 120 of 400")
    terminal.send("q")
    assert terminal.wait_end() == 0
    assert terminal.attributes() == terminal.attributes_before
    assert terminal.raw.count(b"\x1b[?1049h") == terminal.raw.count(b"\x1b[?1049l") == 1


@pytest.mark.parametrize(
    "verb, words, number, status",
    [
        (("watch", "-1"), "step 120 of 400", signal.SIGTERM, 143),
        (("watch",), "120/400", signal.SIGINT, 130),
        ((), "step 1 of 7", signal.SIGTERM, 143),
    ],
)
def test_a_start_that_is_ended_gives_the_terminal_back(started, verb, words, number, status):
    terminal = started(NO_TEXTUAL, verb)
    terminal.wait_for(words)
    terminal.process.send_signal(number)
    assert terminal.wait_end() == status
    assert terminal.attributes() == terminal.attributes_before
    assert terminal.raw.endswith(b"\x1b[?25h\x1b[?1049l")


def test_a_start_that_goes_wrong_says_so_on_the_terminal_as_it_was(started):
    terminal = started("raise RuntimeError('the moon is in the way')")
    assert terminal.wait_end() == 1
    assert terminal.attributes() == terminal.attributes_before
    assert b"the moon is in the way" in terminal.raw.rpartition(b"\x1b[?1049l")[2]


def test_textuals_own_driver_begins_with_nothing_of_ours(started):
    terminal = started(TAROT_TUI_DRIVER="stock")
    terminal.wait_for("step 120 of 400")
    assert b"?1004h" in terminal.raw.partition(b"step")[0]


def test_a_hostile_name_reaches_no_terminal(tmp_path):
    folder = tmp_path / "saves\x1b[2J\n"
    folder.mkdir()
    (folder / "trainer_log.jsonl").write_text('{"current_steps": 1, "total_steps": 4, "loss": 2.0}\n')
    sent = drawn(first_lines.run(folder, 120, 40), {})
    assert "saves" in sent and sent.count("\x1b[2J") == 1 and "\n" not in sent


def test_a_terminal_too_small_for_anything_is_left_to_textual(started):
    terminal = started("raise SystemExit(7)", size=(30, 5))
    assert terminal.wait_end() == 7
    assert terminal.raw == b""

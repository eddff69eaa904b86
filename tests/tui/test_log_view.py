"""The log pane over real files: following, scrolling, searching, filtering, copying, saving."""

import base64
import hashlib

import pytest

from tarot_tui.jobs import files
from tarot_tui.tui.base import TarotApp
from tarot_tui.tui.log_window import KEPT
from tarot_tui.tui.widgets.log import LogView
from tarot_tui.tui.widgets.log_pane import LogPane

TRACEBACK = """\
Traceback (most recent call last):
  File "train.py", line 3, in <module>
    main()
ValueError: no cards left
"""


class PaneApp(TarotApp):
    def __init__(self, folder):
        super().__init__()
        self.folder = folder

    def compose(self):
        yield LogPane(self.folder)

    def on_mount(self):
        self.query_one(LogView).focus()


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    return folder


@pytest.fixture
def write(folder):
    def write(text, name=files.LOG):
        with open(folder / name, "a", encoding="utf-8") as file:
            file.write(text)

    return write


@pytest.fixture
def opened(folder, text_of):
    """The app over the folder, and what its log shows (the line above it first)."""
    app = PaneApp(folder)
    return app, lambda: text_of(app).splitlines()


def numbered(start, end):
    return "".join(f"line {number}\n" for number in range(start, end))


async def test_it_follows_until_one_scrolls_and_again_at_the_end(opened, write, until):
    app, shown = opened
    write(numbered(0, 1000))
    async with app.run_test(size=(40, 6)) as pilot:
        await until(pilot, "line 999")
        await pilot.press("pageup")
        await until(pilot, "at 100 %; End follows")
        assert shown()[1:] == [f"line {number}" for number in range(991, 996)]
        write(numbered(1000, 1001))
        app.query_one(LogView).look()
        await pilot.pause(0.1)
        assert shown()[-1] == "line 995"
        await pilot.press("end")
        await until(pilot, "line 1000")
        write(numbered(1001, 1002))
        app.query_one(LogView).look()
        await until(pilot, "line 1001")
        await pilot.press("home")
        await until(pilot, "at 0 %")
        assert shown()[1] == "line 0"


async def test_paging_reaches_the_beginning_and_comes_back_to_the_end(opened, write, until):
    app, shown = opened
    write(numbered(0, 3000))
    async with app.run_test(size=(40, 120)) as pilot:
        await until(pilot, "line 2999")
        seen = []
        while "line 0" not in shown():
            await pilot.press("pageup")
            await pilot.pause()
            seen = shown()[1:] + seen
        assert {f"line {number}" for number in range(3000 - 119)} <= set(seen)
        while "following" not in shown()[0]:
            await pilot.press("space")
            await pilot.pause()
        assert shown()[-1] == "line 2999"
        assert len(app.query_one(LogView)._window.lines) <= KEPT


async def test_a_short_log_stands_at_the_top_and_a_progress_bar_is_one_line(opened, write, until):
    app, shown = opened
    async with app.run_test(size=(40, 6)) as pilot:
        write("first\n\r 10 %|#\r 20 %|##")
        app.query_one(LogView).look()
        await until(pilot, "20 %")
        assert shown()[1:3] == ["first", " 20 %|##"]
        write("\r 30 %|###")
        app.query_one(LogView).look()
        await until(pilot, "30 %")
        write("\nnext\n")
        app.query_one(LogView).look()
        await until(pilot, "next")
        assert shown()[1:] == ["first", " 30 %|###", "next", ""]


async def test_long_and_wide_lines_are_wrapped_and_again_when_the_width_changes(opened, write, until):
    app, shown = opened
    write("聖杯三正位的含義\n" + "x" * 25 + "\n")
    async with app.run_test(size=(10, 8)) as pilot:
        await until(pilot, "xxxxx")
        assert shown()[1:6] == ["聖杯三正位", "的含義", "x" * 10, "x" * 10, "x" * 5]
        await pilot.resize_terminal(30, 8)
        await pilot.pause()
        assert shown()[1:3] == ["聖杯三正位的含義", "x" * 25]


async def test_nothing_of_an_escape_sequence_arrives(opened, write, until):
    app, shown = opened
    write("\x1b[31mred\x1b[0m\x07 \x1b]52;c;ZXZpbA==\x07\x1b[2Jx\ty\n")
    async with app.run_test(size=(40, 4)) as pilot:
        await until(pilot, "red x   y")


async def test_a_traceback_is_one_line_until_it_is_asked_for(opened, write, until):
    app, shown = opened
    write("before\n" + TRACEBACK + "after\n")
    async with app.run_test(size=(80, 8)) as pilot:
        await until(pilot, "after")
        assert shown()[1:4] == [
            "before", "ValueError: no cards left  [traceback: t shows it]", "after",
        ]  # fmt: skip
        await pilot.press("t")
        await until(pilot, "main()")
        await pilot.press("t")
        await until(pilot, "traceback: t shows it")


async def test_only_warnings_or_only_errors(opened, write, until):
    app, shown = opened
    write(("fine\n" * 5000) + "WARNING: hot\n" + ("fine\n" * 5000) + TRACEBACK + "fine\n")
    async with app.run_test(size=(80, 8)) as pilot:
        await until(pilot, "following")
        await pilot.press("v")
        await until(pilot, "WARNING: hot")
        assert shown()[1:4] == ["WARNING: hot", "ValueError: no cards left  [traceback: t shows it]", ""]
        await pilot.press("v")
        await until(pilot, "errors only")
        assert "hot" not in " ".join(shown())
        write("KeyError: 7\nfine\n")
        app.query_one(LogView).look()
        await until(pilot, "KeyError")
        await pilot.press("v")
        await until(pilot, "fine")


async def test_words_are_found_upwards_and_again_and_marked(opened, write, until):
    app, shown = opened
    write(numbered(0, 9000))
    async with app.run_test(size=(60, 9), notifications=True) as pilot:
        await until(pilot, "line 8999")
        await pilot.press("slash", *"LINE 777".lower(), "enter")
        await until(pilot, "line 7779")
        assert "again" in shown()[0] and app.query_one(LogView).has_focus
        await pilot.press("n")
        await until(pilot, "line 7778")
        await pilot.press("N")
        await until(pilot, "line 7779")
        row = next(y for y, line in enumerate(shown()) if line == "line 7779")
        strip = app.query_one(LogView).render_line(row - 1)
        assert next(iter(strip)).style.reverse and next(iter(strip)).text == "line 777"
        await pilot.press("escape")
        await until(pilot, "End follows")
        assert "again" not in shown()[0]
        await pilot.press("slash", *"nowhere", "enter")
        await until(pilot, "Not found: nowhere")


async def test_a_word_far_away_in_a_large_log_is_found(opened, write, until):
    app, _shown = opened
    write("the needle\n" + "hay\n" * 6_000_000)
    async with app.run_test(size=(60, 9), notifications=True) as pilot:
        await until(pilot, "hay")
        app.query_one(LogView).find("needle")
        await until(pilot, "the needle")


async def test_each_process_has_its_log(opened, write, until):
    app, _shown = opened
    write("I am the first\n")
    write("I am the other\n", files.rank_log(1))
    async with app.run_test(size=(60, 5)) as pilot:
        await until(pilot, "I am the first")
        await pilot.press("R")
        await until(pilot, "I am the other")
        await until(pilot, "rank 1")
        await pilot.press("R")
        await until(pilot, "I am the first")


def of_ranks(count, lines):
    """What torchrun writes of several processes into one log."""
    return "".join(f"[rank{number % count}]: {text}\n" for number, text in enumerate(lines))


async def test_the_processes_that_share_a_log_are_told_apart(opened, write, until, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    app, shown = opened
    write("no rank at all\n" + of_ranks(2, [f"line {number}" for number in range(9000)]))
    write("[rank1]: WARNING: hot\n[default0]:[rank0]: ValueError: no\n[rank10]: ten\n")
    async with app.run_test(size=(60, 8), notifications=True) as pilot:
        await until(pilot, "ten")
        await pilot.press("R")
        await until(pilot, "rank 0")
        await until(pilot, "[default0]:[rank0]: ValueError")
        assert not any("rank1" in line for line in shown())
        await pilot.press("R")
        await until(pilot, "[rank1]: line 8999")
        assert "rank 1" in shown()[0] and not any("[rank10]" in line for line in shown())
        await pilot.press("v")  # together with the level
        await until(pilot, "WARNING: hot")
        assert "rank 1 · warnings" in shown()[0] and "ValueError" not in " ".join(shown())
        await pilot.press("x")
        await until(pilot, "1 lines are in")
        assert (tmp_path / "run-rank1-warning-log.txt").read_text() == "[rank1]: WARNING: hot\n"
        await pilot.press("v", "v", "slash", *"line 777", "enter")  # and with what is looked for
        await until(pilot, "[rank1]: line 7779")
        write("[rank0]: not mine\n[rank1]: mine\n")
        app.query_one(LogView).look()
        await pilot.press("end")
        await until(pilot, "[rank1]: mine")
        assert "not mine" not in " ".join(shown())
        await pilot.press("R", "R")
        await until(pilot, "[rank0]: not mine")


async def test_of_many_processes_one_is_picked(opened, write, until):
    app, shown = opened
    write(of_ranks(64, ["hello"] * 640))
    async with app.run_test(size=(60, 20)) as pilot:
        await until(pilot, "[rank63]: hello")
        await pilot.press("R")
        await until(pilot, "Process")
        await pilot.press(*"rank 41", "enter")
        await until(pilot, "rank 41 · following")
        assert set(shown()[1:11]) == {"[rank41]: hello"}


async def test_the_tracebacks_of_several_processes_fold_each_though_they_come_mixed(opened, write, until):
    app, shown = opened
    both = zip(TRACEBACK.splitlines(), TRACEBACK.replace("no cards", "no luck").splitlines(), strict=True)
    write("before\n" + "".join(f"[rank0]: {one}\n[rank1]: {other}\n" for one, other in both) + "after\n")
    async with app.run_test(size=(80, 12)) as pilot:
        await until(pilot, "after")
        assert shown()[1:6] == [
            "before",
            "[rank0]: ValueError: no cards left  [traceback: t shows it]",
            "[rank1]: ValueError: no luck left  [traceback: t shows it]",
            "after",
            "",
        ]
        await pilot.press("t")
        await until(pilot, "[rank1]:     main()")


async def test_what_only_begins_like_a_traceback_hides_nothing(opened, write, until):
    app, shown = opened
    write(
        "Traceback (most recent call last):\n  File 'a'\n[rank0]: Traceback (most recent call last):\nit went on\n"
    )
    async with app.run_test(size=(80, 8)) as pilot:
        await until(pilot, "it went on")
        assert shown()[1:5] == [
            "Traceback (most recent call last):",
            "  File 'a'",
            "[rank0]: Traceback (most recent call last):",
            "it went on",
        ]


async def test_what_is_in_sight_is_copied_through_the_terminal(opened, write, until, monkeypatch):
    app, _shown = opened
    write("a\n聖杯\n" + "x" * 100 + "\n")
    async with app.run_test(size=(60, 9), notifications=True) as pilot:
        await until(pilot, "聖杯")
        sent = []
        monkeypatch.setattr(app._driver, "write", sent.append)
        await pilot.press("c")
        await until(pilot, "3 lines")
        assert app.clipboard == "a\n聖杯\n" + "x" * 100
        # xterm's ctlseqs, OSC 52.
        assert f"\x1b]52;c;{base64.b64encode(app.clipboard.encode()).decode()}\a" in sent


async def test_it_is_saved_as_plain_text_over_nothing(opened, write, until, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    app, _shown = opened
    write("\x1b[1mbold\x1b[0m\n 1 %\r 2 %\nWARNING x\nlast")
    async with app.run_test(size=(90, 30), notifications=True) as pilot:
        await until(pilot, "last")
        await pilot.press("x")
        await until(pilot, "4 lines are in")
        assert (tmp_path / "run-log.txt").read_text() == "bold\n 2 %\nWARNING x\nlast\n"
        await pilot.press("v")
        await until(pilot, "warnings and errors only")
        await pilot.press("x")
        await until(pilot, "1 lines are in")
        assert (tmp_path / "run-warning-log.txt").read_text() == "WARNING x\n"
        await pilot.press("v", "v")
        await until(pilot, "last")
        await pilot.press("x")
        # A notice that comes while another is shown may go with it.
        await until(pilot, (tmp_path / "run-log-2.txt").exists)


async def test_a_log_that_is_written_anew_is_shown_anew(opened, write, until, folder):
    app, shown = opened
    write(numbered(0, 100))
    async with app.run_test(size=(40, 6)) as pilot:
        await until(pilot, "line 99")
        await pilot.press("home")
        await until(pilot, "line 0")
        (folder / files.LOG).write_text("a new attempt\n")
        app.query_one(LogView).look()
        await until(pilot, "a new attempt")
        assert "line" not in " ".join(shown())


async def test_a_flood_is_shown_by_its_end_and_not_kept(opened, write, until):
    app, _shown = opened
    async with app.run_test(size=(80, 6)) as pilot:
        for turn in range(3):
            write(
                "".join(f"{hashlib.md5(b'%d' % n).hexdigest()}\n" for n in range(60_000)) + f"turn {turn}\n"
            )
            app.query_one(LogView).look()
            await until(pilot, f"turn {turn}")
        assert len(app.query_one(LogView)._window.lines) <= KEPT


async def test_the_help_of_a_step_lists_the_keys_of_its_log(project, make_job, until):
    from tarot_tui.tui.app import WizardApp

    job = make_job("export")
    job.status("running", 3, 9)
    job.log("merging")
    project.remember("step", "export")
    app = WizardApp(project)
    async with app.run_test(size=(100, 60)) as pilot:
        await until(pilot, "merging")
        await pilot.press("l")
        assert isinstance(app.focused, LogView)
        await pilot.press("question_mark")
        await until(pilot, "Log: look for words")

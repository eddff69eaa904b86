"""Over mosh, whose server draws on a terminal of its own and sends the client what changed there."""

from __future__ import annotations

import shlex
import shutil
import sys

import pytest

from tarot_tui.jobs import launch


@pytest.fixture
def mosh(login):
    """The command line of a client that logs in by ssh and goes on by UDP on 127.0.0.1."""
    if not shutil.which("mosh") or not shutil.which("mosh-server"):
        pytest.skip("no mosh here")
    *ssh, place = login
    # Every step of a login but the terminal, which mosh makes itself.
    return ["mosh", "--ssh", shlex.join(one for one in ssh if one != "-tt"), "--bind-server=127.0.0.1", place]


def test_what_mosh_shows_is_whole_in_chinese_with_the_mouse_and_after_a_resize(
    project, counting, terminal, mosh
):
    launch.start(counting)
    watch = f"cd {shlex.quote(str(project.root))} && exec {shlex.join([sys.executable, '-m', 'tarot_tui', 'watch', 'deck'])}"
    argv = ["--", "env", "LC_ALL=C.UTF-8", "TAROT_TUI_LANG=zh_TW", "sh", "-c", watch]
    one = terminal(*argv, cwd=project.root, program=mosh, environment={"LC_ALL": "C.UTF-8"})
    one.wait_for("執行中")
    one.press("\x1b[<64;20;25M\x1b[<0;70;10M\x1b[<0;70;10m")
    one.type("?")
    rows = [line for line in one.wait_for("╯").splitlines() if line.count("│") or "按鍵" in line]
    assert len(rows) > 20 and all(row.count("│") == 2 for row in rows), (
        one.screen()
    )  # over Chinese, cut in the middle
    one.type("q")
    one.wait_for("q 返回")
    one.resize(80, 24)
    one.type("l")
    shown = one.wait_for("執行中")
    assert "deck" in shown and not any(len(line) > 80 for line in shown.splitlines())
    one.type("q")
    assert one.process.wait(60) == 0
    assert "rgb:" not in one.screen() and ";2R" not in one.screen()

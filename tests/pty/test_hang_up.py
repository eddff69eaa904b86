"""A terminal that goes away takes no job with it."""

from __future__ import annotations

from tarot_tui.jobs import files, status


def test_a_followed_job_goes_on_when_the_line_drops_and_is_seen_from_another(
    project, counting, terminal, goes_on
):
    first = terminal("resume", "deck", "--follow", cwd=project.root)
    first.wait_for("step 5")
    before = status.read(counting)
    first.hang_up()
    first.process.wait(60)

    second = terminal("watch", "deck", "--once", cwd=project.root)
    second.wait_for("running")
    goes_on(counting, before)

    third = terminal("stop", "deck", "--wait", cwd=project.root)
    third.wait_for("deck is stopped")
    assert files.read_json(counting / files.RESULT)["outcome"] == "stopped"

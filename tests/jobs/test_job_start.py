"""Starting a job: by one supervisor, once, or not at all and with the reason."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from tarot_tui.errors import BadInput, Refused, TarotError
from tarot_tui.jobs import control, files, launch, status
from tarot_tui.jobs.metrics import MetricsReader


def test_there_is_never_a_second_supervisor(job):
    folder = job()
    outcomes = []

    def start():
        try:
            outcomes.append(launch.start(folder).state)
        except Refused:
            outcomes.append("refused")

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused", "refused", "refused", "running"]
    assert len([row for row in MetricsReader(folder / files.EVENTS).read() if row["kind"] == "worker"]) == 1
    with pytest.raises(Refused, match="already running"):
        control.resume(folder)


def test_who_is_slow_to_come_up_does_not_begin_anew_what_another_has_finished_meanwhile(started, ended):
    folder = started("from tarot_tui.jobs import worker\nworker.result('finished')")
    ended(folder)
    # As a launcher that saw the job before its first attempt.
    late = subprocess.run([sys.executable, "-m", "tarot_tui.jobs.supervisor", str(folder), "0"])
    assert late.returncode == launch.BUSY
    found = status.read(folder)
    assert (found.state, found.attempt) == ("finished", 1)


def test_a_broken_request_starts_nothing(job):
    folder = job()
    (folder / files.SPEC).write_text("kind: train\nargv: python\n")
    with pytest.raises(BadInput, match="argv"):
        launch.start(folder)
    assert sorted(path.name for path in folder.iterdir()) == [files.SPEC]


def test_a_supervisor_that_cannot_come_up_says_why(job):
    folder = job()
    (folder / files.EVENTS).mkdir()
    with pytest.raises(TarotError, match="Is a directory"):
        launch.start(folder)

"""A second user who may only read the job folder: sees everything, changes nothing, and is told so in one sentence."""

from __future__ import annotations

import json
import os
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

from tarot_tui.cli import main
from tarot_tui.jobs import files, status
from tarot_tui.jobs.snapshot import snapshot
from tarot_tui.project import create

NOBODY = 65534


@pytest.fixture
def shared_project():
    """A project in a folder that everybody may enter, as below /srv."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    place = Path(tempfile.mkdtemp(prefix="tarot-shared-"))
    place.chmod(0o755)
    yield create(place / "project")
    shutil.rmtree(place)


@pytest.fixture
def running(shared_project, training, wait_until, points, cut_power):
    """A job of ours that others were let in to read."""
    folder = training(10_000, within=shared_project)
    wait_until(lambda: status.read(folder).step)
    for path in (folder, *_files(folder)):
        with suppress(FileNotFoundError):  # checkpoints come and go
            path.chmod(path.stat().st_mode | (stat.S_IROTH | (stat.S_IXOTH if path.is_dir() else 0)))
    yield folder
    cut_power(folder)


def _files(folder: Path) -> list[Path]:
    """All that lies below it; unlike ``rglob`` it does not stumble over what vanishes meanwhile."""
    return [Path(place, name) for place, folders, names in os.walk(folder) for name in (*folders, *names)]


def as_nobody(task) -> object:
    """What ``task`` gives (JSON-ready) when the user nobody does it, in a child that was forked from here."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            answer = {"value": task()}
        except BaseException as error:
            answer = {"error": repr(error)}
        os.write(writing, json.dumps(answer).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        answer = json.load(pipe)
    os.waitpid(child, 0)
    assert "error" not in answer, answer
    return answer["value"]


def test_by_default_nobody_else_reads_a_log(shared_project, training, wait_until):
    folder = training(10_000, within=shared_project)
    wait_until(lambda: status.read(folder).step)
    for name in (files.LOG, files.STATUS, files.METRICS):
        assert stat.S_IMODE((folder / name).stat().st_mode) & 0o077 == 0


def test_who_was_let_in_sees_the_run_go_on(running, wait_until):
    first = as_nobody(lambda: snapshot(running).as_dict())
    assert (first["state"], first["supervised"]) == ("running", True)
    assert first["metrics"]["loss"] is not None
    # The status was replaced in the meantime, and is still open to them.
    wait_until(lambda: status.read(running).step > first["step"])
    assert as_nobody(lambda: snapshot(running).as_dict())["step"] > first["step"]


def test_who_may_only_read_watches_and_is_refused_the_rest_in_one_sentence(running, shared_project, capfd):
    def typed(*words: str) -> tuple[int, str, str]:
        words = ("--project", str(shared_project.root), *words)
        main(
            ["--project", str(shared_project.root), "runs"]
        )  # has everything imported before the user changes
        capfd.readouterr()
        code = as_nobody(lambda: main(list(words)))
        out, err = capfd.readouterr()
        return code, out, err

    code, out, _err = typed("watch", running.name, "--once")
    assert code == 0 and "running" in out
    for verb in ("stop", "kill"):
        code, _out, err = typed(verb, running.name)
        assert (code, err.count("\n")) == (3, 1), err
        assert "You may only read" in err
    assert not list(running.glob("request.*"))
    for path in _files(running):
        with suppress(FileNotFoundError):
            assert path.stat().st_uid == os.getuid()
    assert status.read(running).state == "running"

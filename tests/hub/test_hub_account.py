"""``tarot-tui login`` and ``models``, against a hub on this machine that the hub's own client speaks to."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from fakes.hub import TOKEN, FakeHub, Repository

from tarot_tui.cli import main
from tarot_tui.jobs.find import all_jobs

NAME = "someone/tiny"


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """The fake hub, no token, an empty cache; the same for the processes that are started."""
    home = tmp_path / "hf"
    with FakeHub() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_HOME", str(home))
        monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        monkeypatch.delenv("HF_TOKEN", raising=False)
        # This process has read them already.
        for name, value in {
            "ENDPOINT": server.url,
            "HF_TOKEN_PATH": str(home / "token"),
            "HF_STORED_TOKENS_PATH": str(home / "stored_tokens"),
            "HF_HUB_CACHE": str(home / "hub"),
            "HF_HUB_DISABLE_XET": True,
        }.items():
            monkeypatch.setattr(f"huggingface_hub.constants.{name}", value)
        monkeypatch.setattr("huggingface_hub.hf_api.api.endpoint", server.url)
        yield server


@pytest.fixture
def say(monkeypatch, capsys):
    """Runs one command with a standard input; exit code and both outputs."""

    def command(*words, given=""):
        monkeypatch.setattr("sys.stdin", io.StringIO(given))
        return main(list(words)), *capsys.readouterr()

    return command


def test_a_token_is_checked_kept_and_never_shown(hub, say, tmp_path):
    code, out, err = say("login", given=f"  {TOKEN}\n")
    assert code == 0 and "Logged in as me" in out and "publish" in out
    assert TOKEN not in out + err
    assert (tmp_path / "hf/token").read_text() == TOKEN
    assert (tmp_path / "hf/token").stat().st_mode & 0o077 == 0
    assert json.loads(say("login", "--status", "--json")[1])["may_write"] is True


def test_a_token_that_may_only_read_says_so(hub, say):
    hub.readonly = True
    assert "but not publish" in say("login", given=TOKEN)[1]


@pytest.mark.parametrize("given", ["", "two words", "hf_\x1b[2J", "api_org_xyz"])
def test_what_is_no_token_is_not_sent_anywhere(hub, say, given, tmp_path):
    code, out, err = say("login", given=given)
    assert code == 2 and "\x1b" not in out + err and not (tmp_path / "hf/token").exists()


def test_a_token_that_the_hub_declines_is_not_kept(hub, say, tmp_path):
    wrong = "hf_" + "x" * 34
    code, out, err = say("login", given=wrong)
    assert code == 1 and "does not accept" in err and wrong not in out + err
    assert not (tmp_path / "hf/token").exists()


def test_logging_out_removes_it_and_names_what_is_left(hub, say, tmp_path, monkeypatch):
    say("login", given=TOKEN)
    assert say("login", "--logout")[0] == 0 and not (tmp_path / "hf/token").exists()
    assert "Nobody is logged in" in say("login", "--status")[1]
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert "unset HF_TOKEN" in say("login", "--logout")[1]


def test_there_is_no_option_that_would_put_a_token_into_the_list_of_processes():
    done = subprocess.run(
        [sys.executable, "-m", "tarot_tui", "login", "--help"], capture_output=True, text=True, check=True
    )
    assert "--token" not in done.stdout


# ---- base models


@pytest.fixture
def tiny(hub, tiny_llama):
    """The tiny Llama, on the hub."""
    files = {path.name: path.read_bytes() for path in tiny_llama.iterdir() if path.is_file()}
    hub.repositories[NAME] = Repository(False, {**files, "pytorch_model.bin": b"pickle" * 1000})
    return hub


def test_a_model_is_fetched_as_a_job_listed_and_removed(tiny, project, say):
    get = ("--project", str(project.root), "models", "get", NAME)
    code, _out, err = say(*get)
    assert code == 3 and "--yes" in err and all_jobs(project) == []
    code, out, _err = say(*get, "--yes", "--json")
    found = json.loads(out)
    assert (code, found["state"]) == (0, "finished")
    assert all_jobs(project, "download")
    # Nothing that is pickled is ever fetched.
    assert not [path for path, _first in tiny.served if path.endswith(".bin")]
    (listed,) = json.loads(say("models", "list", "--json")[1])
    assert (listed["name"], listed["whole"]) == (NAME, True) and listed["size"] >= found["size"] > 0
    assert say("models", "rm", NAME)[0] == 3
    assert say("models", "rm", NAME, "--yes")[0] == 0
    assert json.loads(say("models", "list", "--json")[1]) == []


def test_a_gated_model_says_where_to_accept_its_terms(tiny, project, say):
    tiny.gated.add(NAME)
    code, _out, err = say("--project", str(project.root), "models", "get", NAME, "--yes")
    assert code == 2 and f"huggingface.co/{NAME}" in err and "tarot-tui login" in err


def test_what_the_hub_does_not_know_is_said(hub, project, say):
    code, _out, err = say("--project", str(project.root), "models", "get", "no/body", "--yes")
    assert code == 2 and "not on the hub" in err
    assert say("models", "rm", "no/body", "--yes")[0] == 2


def test_a_model_that_does_not_fit_is_refused_before(tiny, project, say, monkeypatch):
    from collections import namedtuple

    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(10, 10, 10))
    code, _out, err = say("--project", str(project.root), "models", "get", NAME, "--yes")
    assert code == 3 and "HF_HOME" in err and all_jobs(project) == []

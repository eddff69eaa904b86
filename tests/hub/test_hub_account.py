"""``tarot-tui login``, against a hub on this machine that the hub's own client speaks to."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from fakes.hub import TOKEN


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


def test_a_login_by_browser_that_fails_is_one_sentence(hub, say):
    code, _out, err = say("login", "--browser")  # the fake knows no such door
    assert code == 1 and "login by browser failed" in err and err.count("\n") == 1


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

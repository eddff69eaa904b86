"""Where a server is, when the next request may go, and about how many tokens a text has."""

from __future__ import annotations

import threading

import pytest

from tarot_tui.data.synthesis.pace import Pace
from tarot_tui.data.synthesis.place import base_url, is_open, stays_here
from tarot_tui.data.synthesis.tokens import Prices, of_text


@pytest.mark.parametrize(
    ("said", "url"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/v1"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/v1"),
        ("https://host/v1/chat/completions", "https://host/v1"),
        ("https://host/v1/chat/completions/", "https://host/v1"),
        ("https://host/api/openai/", "https://host/api/openai"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1"),
        ("openai", "https://api.openai.com/v1"),
        ("ollama", "http://10.0.0.5:11434/v1"),
    ],
)
def test_an_endpoint_is_taken_however_it_is_written(said, url, monkeypatch):
    monkeypatch.setenv("OLLAMA_HOST", "10.0.0.5")
    assert base_url(said) == url


def test_only_a_server_on_this_machine_that_answers_itself_keeps_the_rows_here():
    assert stays_here("http://127.0.0.1:11434/v1", "qwen3:8b") and stays_here("http://[::1]:1/v1", "m")
    assert not stays_here("http://127.0.0.1:11434/v1", "gpt-oss:120b-cloud")
    assert not stays_here("http://192.168.1.2/v1", "m") and not stays_here("https://api.openai.com/v1", "m")
    assert (
        is_open("http://192.168.1.2/v1")
        and not is_open("https://host/v1")
        and not is_open("http://localhost/v1")
    )


def test_waits_double_within_their_bounds_and_what_a_server_asks_for_is_the_least():
    pace = Pace(backoff=1.0)
    for attempt in (1, 2, 3, 8, 50):
        waits = [pace.after_failure(attempt, None) for _time in range(200)]
        limit = min(60, 2 ** (attempt - 1))
        assert min(waits) >= 0 and max(waits) <= limit and max(waits) - min(waits) > limit / 2
        assert all(30 <= pace.after_failure(attempt, 30) <= 31 for _time in range(20))


def test_a_hold_keeps_everybody_waiting_and_a_stop_ends_the_wait():
    now = [0.0]
    stopped = threading.Event()
    pace = Pace(60, stopped=stopped, clock=lambda: now[0])
    assert pace.turn()
    pace.hold(3600)
    threading.Timer(0.1, stopped.set).start()
    assert not pace.turn()


def test_tokens_are_about_as_many_as_todays_tokenizers_make():
    # Qwen's tokenizer makes 11 of each of these.
    assert 8 <= of_text("愚人是一張代表自發性行為的牌") <= 16
    assert 7 <= of_text("The Fool stands for a new beginning and a leap.") <= 14
    assert of_text("") == 0 and Prices(2.0, 8.0).cost(500_000, 250_000) == 3.0

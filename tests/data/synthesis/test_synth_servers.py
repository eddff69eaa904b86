"""Servers that are busy, broken, dear or wrong, and what asking them comes to."""

from __future__ import annotations

import json
import threading
import time
from email.utils import formatdate

import httpx
import pytest
from fakes.chat import CUT, DRIP, HANG_UP, SILENCE, Raw, Status

from tarot_tui.data import dataset
from tarot_tui.data.synthesis.endpoint import retry_after
from tarot_tui.data.synthesis.limits import Limits
from tarot_tui.data.synthesis.tokens import Prices
from tarot_tui.errors import TarotError

ONE = Limits(concurrency=1, backoff=0.01, timeout=60)


@pytest.mark.parametrize(
    "trouble",
    [
        Status(429, headers={"Retry-After": "0"}),
        Status(500),
        Status(503),
        CUT,
        HANG_UP,
        Raw(b"<html>busy</html>"),
        Raw(b'{"choices": []}'),
        Raw(b'{"choices": [{"message": {"content": 7}}]}'),
    ],
    ids=str,
)
def test_what_fails_in_passing_is_asked_again(project, asked, request_for, chat, trouble):
    chat.script = [trouble, None, trouble]
    assert asked(request_for())["samples"] == 16 and len(chat.requests) == 10


def test_a_server_that_says_nothing_is_left_after_the_time_and_asked_again(asked, request_for, chat):
    chat.script = [SILENCE]
    # So short a time that a busy machine may pass it again.
    assert asked(request_for(limits=Limits(timeout=1, backoff=0.01), last=2))["samples"] == 4
    assert len(chat.requests) >= 3 and chat.rows()[1] == chat.rows()[0]


def test_a_server_that_drips_for_ever_is_left_too(asked, request_for, chat):
    chat.script = [DRIP]
    assert asked(request_for(limits=Limits(timeout=1, backoff=0.01), last=1))["samples"] == 2
    assert len(chat.requests) >= 2


def test_retry_after_is_honoured_by_all_requests_at_a_time(asked, request_for, chat):
    chat.script = [Status(429, headers={"Retry-After": "1"})] * 3
    asked(request_for(limits=Limits(backoff=0.01, concurrency=3)))
    early = [moment for moment in chat.times if moment - chat.times[0] < 1]
    # Each thread may have been on its way when the first was sent away, and no one after that.
    assert len(early) <= 3 and len(chat.times) == 11


def test_retry_after_is_read_in_all_its_forms():
    def read(**headers):
        return retry_after(httpx.Headers({key.replace("_", "-"): value for key, value in headers.items()}))

    assert read(retry_after="1.5") == 1.5 and read(retry_after_ms="250") == 0.25
    assert 50 < read(retry_after=formatdate(time.time() + 60, usegmt=True)) <= 60
    assert read(retry_after=formatdate(time.time() - 60, usegmt=True)) == 0
    assert read() is None and read(retry_after="soon") is None


def test_a_server_that_asks_for_hours_ends_the_job_which_says_so(asked, request_for, chat):
    chat.script = [Status(429, "come back later", headers={"Retry-After": "7200"})]
    with pytest.raises(TarotError, match=r"2 h 0 min: resume then.*come back later"):
        asked(request_for(limits=ONE))


def test_requests_per_minute_hold(asked, request_for, chat):
    began = time.monotonic()
    asked(request_for(limits=Limits(per_minute=240, concurrency=4), last=8))
    # Seven pauses; when a request arrives says little, but none is sent before its time.
    assert len(chat.times) == 8 and chat.times[-1] - began >= 7 * 60 / 240


def test_no_more_requests_at_a_time_than_asked_for(asked, request_for, chat, until):
    chat.hold = threading.Event()

    def let_go():
        until(lambda: chat.most == 3)
        time.sleep(0.3)  # for a fourth
        chat.hold.set()

    threading.Thread(target=let_go).start()
    asked(request_for(limits=Limits(concurrency=3)))
    assert chat.most == 3


@pytest.fixture
def failing(chat):
    """Makes the server fall over whenever it is asked about one of these cards."""

    def on(*names):
        def reply(request):
            card = request["messages"][-1]["content"].split()[1]
            if card in names:
                raise ConnectionAbortedError
            return json.dumps({"samples": [{"question": f"{card}?", "answer": f"{card} smiles."}]})

        chat.reply = reply

    return on


def test_one_row_that_the_server_always_fails_on_does_not_hold_up_the_others(
    project, asked, request_for, failing, lines
):
    failing("Fool")
    assert asked(request_for(limits=Limits(concurrency=1, retries=1, backoff=0.01)))["samples"] == 7
    (left,) = lines(project.data / "reader.synth" / "rejects.jsonl")
    assert (left["reason"], left["row"], left["given_up"]) == ("declined", 1, False)


def test_rows_that_a_server_falls_over_are_asked_last_in_the_next_attempt(asked, request_for, chat, failing):
    failing("Fool", "Magician")
    limits = Limits(concurrency=1, retries=0)
    with pytest.raises(TarotError, match="does not answer"):
        asked(request_for(limits=limits))
    assert len(chat.requests) == 2
    with pytest.raises(TarotError, match="does not answer"):
        asked(request_for(limits=limits))
    assert len(chat.requests) == 2 + 8 and "Magician" in chat.rows()[-1]
    failing()
    assert asked(request_for(limits=limits))["samples"] == 8


def test_a_row_that_the_server_declines_is_given_up_and_the_others_go_on(
    project, asked, request_for, chat, lines
):
    chat.script = [None, Status(400, "the context holds 2048 tokens")]
    assert asked(request_for(limits=ONE))["rows"] == 7
    (left,) = lines(project.data / "reader.synth" / "rejects.jsonl")
    assert left["given_up"] and "2048 tokens" in left["detail"]


def test_a_server_that_declines_every_row_is_not_asked_for_all_of_them(asked, request_for, chat):
    chat.script = [Status(400, "no such thing")] * 8
    with pytest.raises(TarotError, match="declines every row: 400: no such thing"):
        asked(request_for(limits=ONE))
    assert len(chat.requests) == 3


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (Status(401, "who are you"), "wants another key"),
        (Status(403, "not you"), "wants another key"),
        (Status(402, "pay"), "no credit left"),
        (Status(429, "no credit", kind="insufficient_quota"), "no credit left"),
        (Status(302, "moved", headers={"Location": "http://127.0.0.1:1/"}), "answers 302"),
    ],
    ids=str,
)
def test_what_no_waiting_mends_ends_the_job_with_one_sentence(asked, request_for, chat, trouble, words):
    chat.script = [trouble]
    with pytest.raises(TarotError, match=words):
        asked(request_for(limits=ONE))
    assert len(chat.requests) == 1


def test_an_unknown_model_is_answered_with_those_that_there_are(asked, request_for, chat):
    chat.models = ("qwen3:8b", "llama3.2:3b")
    with pytest.raises(TarotError, match="no model 'writer' on the server; it has qwen3:8b, llama3.2:3b"):
        asked(request_for(limits=ONE))


def test_nobody_there_is_said_after_a_few_tries(asked, request_for, chat):
    chat.die()
    with pytest.raises(TarotError, match="does not answer .cannot be reached"):
        asked(request_for(limits=Limits(retries=100, backoff=0.01)))
    chat.start()


def test_what_a_server_does_not_take_is_left_out_from_then_on(project, asked, request_for, chat):
    chat.knows = ("json_object", "max_completion_tokens")
    prompt = request_for().prompt.model_copy(update={"temperature": 0.5})
    asked(request_for(limits=ONE, prompt=prompt))
    assert chat.requests[0]["response_format"]["type"] == "json_schema"
    last = chat.requests[-1]
    assert last["response_format"] == {"type": "json_object"} and "temperature" not in last
    assert last["max_completion_tokens"] == 300 and "max_tokens" not in last
    assert len(chat.requests) == 8 + 3


def test_a_server_that_does_not_count_is_counted_for(asked, request_for, chat):
    chat.counts = False
    result = asked(request_for())
    assert result["tokens_estimated"] and 100 < result["completion_tokens"] < 1000


def test_money_is_counted_and_the_limit_is_never_passed(project, asked, request_for, chat):
    # One request costs 100 × 1 + 50 × 2 = 200 millionths, and could cost about 100 + 300 × 2.
    result = asked(request_for(prices=Prices(1.0, 2.0), most=0.0011, limits=Limits(concurrency=2)))
    assert result["over_budget"] and result["cost"] == pytest.approx(0.0006)
    assert len(dataset.load(project, "reader")) == 2 * len(chat.requests) == 6
    # What was spent counts on: the same limit buys nothing more, a higher one the rest.
    assert asked(request_for(prices=Prices(1.0, 2.0), most=0.0011))["over_budget"]
    assert len(chat.requests) == 3
    assert not asked(request_for(prices=Prices(1.0, 2.0), most=1.0))["over_budget"]
    assert len(chat.requests) == 8 and len(dataset.load(project, "reader")) == 16


def test_a_limit_too_low_for_one_request_is_said(asked, request_for, chat):
    with pytest.raises(TarotError, match="too low for a single request"):
        asked(request_for(prices=Prices(1.0, 2.0), most=0.0001))
    assert not chat.requests

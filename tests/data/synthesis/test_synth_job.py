"""Rows become a dataset by asking a server, whatever the server does meanwhile."""

from __future__ import annotations

import json
import os
import signal
import threading

import pytest
from fakes.chat import CUT, HANG_UP, SILENCE, Raw, Status

from tarot_tui.data import dataset
from tarot_tui.data.synthesis import launch
from tarot_tui.data.synthesis.limits import Limits
from tarot_tui.data.synthesis.tokens import Prices
from tarot_tui.jobs import control, files, status


def test_every_row_is_asked_once_and_its_pairs_are_a_registered_dataset(project, jobs, request_for, chat):
    folder, ended = jobs.run(request_for())
    assert (ended.state, ended.step, ended.total) == ("finished", 8, 8)
    samples = dataset.load(project, "reader")
    assert len(samples) == 16 and len(chat.requests) == 8
    assert samples[0] == {
        "instruction": "Fool, question 1?", "input": "", "output": "Fool: advice 1 for you.",
        "system": "You read tarot cards.",
    }  # fmt: skip
    assert files.read_json(folder / files.RESULT)["completion_tokens"] == 8 * 50


def test_every_sample_leads_back_to_its_row_prompt_and_model(project, jobs, request_for, lines):
    request = request_for()
    folder, _ended = jobs.run(request)
    trace = lines(project.data / "reader.synth" / "trace.jsonl")
    assert [line["sample"] for line in trace] == [*range(1, 17)]
    last = trace[-1]
    assert (last["source"], last["section"], last["row"], last["model"], last["job"]) == (
        "sources/cards.csv", "", 8, "writer", folder.name,
    )  # fmt: skip
    assert dataset.load(project, "reader")[15]["instruction"].startswith("Moon")
    words = json.loads(
        (project.data / "reader.synth" / "prompts" / f"{last['prompt_sha256']}.json").read_text()
    )
    assert words["writer"] == request.prompt.writer


def test_the_openai_layout_is_registered_so_that_it_reads_back_the_same(project, jobs, request_for):
    request = request_for()
    jobs.run(request_for(prompt=request.prompt.model_copy(update={"layout": "openai"})))
    entry = json.loads((project.data / "dataset_info.json").read_text("ascii"))["reader"]
    assert entry["formatting"] == "sharegpt" and entry["tags"]["role_tag"] == "role"
    raw = json.loads((project.data / "reader.json").read_text())
    assert [turn["role"] for turn in raw[0]["messages"]] == ["system", "user", "assistant"]
    assert dataset.load(project, "reader")[0]["output"] == "Fool: advice 1 for you."


@pytest.mark.parametrize(
    "trouble",
    [
        Status(429, headers={"Retry-After": "0"}),
        Status(500),
        Status(503),
        CUT,
        HANG_UP,
        Raw(b"<html>busy</html>"),
    ],
    ids=["429", "500", "503", "cut", "hang up", "no completion"],
)
def test_what_fails_in_passing_is_asked_again(project, jobs, request_for, chat, trouble):
    chat.script = [trouble, None, trouble]
    _folder, ended = jobs.run(request_for())
    assert ended.state == "finished"
    assert len(dataset.load(project, "reader")) == 16 and len(chat.requests) == 10


def test_a_server_that_says_nothing_is_given_up_after_the_time_and_asked_again(
    project, jobs, request_for, chat
):
    chat.script = [SILENCE]
    _folder, ended = jobs.run(request_for(limits=Limits(timeout=0.5, backoff=0.02), last=2))
    assert ended.state == "finished" and len(chat.requests) == 3


def test_retry_after_is_honoured_by_all_requests_at_a_time(jobs, request_for, chat):
    chat.script = [Status(429, headers={"Retry-After": "1"})] * 3
    jobs.run(request_for(limits=Limits(backoff=0.01, concurrency=3)))
    early = [moment for moment in chat.times if moment - chat.times[0] < 1]
    assert len(early) == 3 and len(chat.times) == 11


def test_a_server_that_asks_for_hours_ends_the_job_which_says_so(jobs, request_for, chat):
    chat.script = [Status(429, "come back later", headers={"Retry-After": "7200"})]
    _folder, ended = jobs.run(request_for(limits=Limits(concurrency=1)))
    assert ended.state == "failed" and "2 h 0 min" in ended.reason and "come back later" in ended.reason


def test_requests_per_minute_hold(jobs, request_for, chat):
    jobs.run(request_for(limits=Limits(per_minute=600, concurrency=4), last=5))
    gaps = [later - earlier for earlier, later in zip(chat.times, chat.times[1:], strict=False)]
    assert chat.times[-1] - chat.times[0] >= 0.35 and len(gaps) == 4


def test_no_more_requests_at_a_time_than_asked_for(jobs, request_for, chat):
    chat.hold = threading.Event()
    folder = jobs.start(request_for(limits=Limits(concurrency=3)))
    threading.Timer(0.5, chat.hold.set).start()
    assert jobs.ended(folder).state == "finished" and chat.most == 3


def test_killed_in_the_middle_it_resumes_with_the_missing_rows_only(
    project, jobs, request_for, chat, until, lines
):
    folder = jobs.start(request_for(limits=Limits(concurrency=1)))
    until(lambda: chat.answered >= 3)
    chat.hold = threading.Event()
    before = chat.answered
    for who in (status.read(folder).supervisor, status.read(folder).worker):
        os.kill(who.pid, signal.SIGKILL)
    until(lambda: not status.read(folder).alive)
    chat.hold.set()
    answered = len(lines(project.data / "reader.synth" / "answers.jsonl"))
    asked = len(chat.requests)
    launch.resume(folder)
    assert jobs.ended(folder).state == "finished"
    assert len(dataset.load(project, "reader")) == 16
    assert before <= answered + 1 and len(chat.requests) - asked == 8 - answered


def test_half_a_line_of_a_power_cut_costs_that_row_only(project, jobs, request_for, chat):
    jobs.run(request_for())
    answers = project.data / "reader.synth" / "answers.jsonl"
    answers.write_bytes(answers.read_bytes()[:-40])
    jobs.run(request_for())
    assert len(chat.requests) == 9 and len(dataset.load(project, "reader")) == 16


def test_stopping_keeps_what_is_answered_and_resuming_goes_on(project, jobs, request_for, chat, until):
    chat.hold = threading.Event()
    folder = jobs.start(request_for())
    until(lambda: len(chat.requests) == 2)
    control.request(folder, "stop")
    until(lambda: (folder / files.WORKER_STOP).exists())
    chat.hold.set()
    assert jobs.ended(folder).state == "stopped" and not (project.data / "reader.json").exists()
    launch.resume(folder)
    assert jobs.ended(folder).state == "finished" and len(chat.rows()) == len(set(chat.rows())) == 8


def test_a_server_that_dies_fails_the_job_and_the_next_attempt_goes_on(
    project, jobs, request_for, chat, until
):
    limits = Limits(concurrency=1, retries=2, backoff=0.01)
    chat.hold = threading.Event()
    folder = jobs.start(request_for(limits=limits))
    until(lambda: len(chat.requests) == 1)
    chat.die()
    chat.hold.set()
    ended = jobs.ended(folder)
    assert ended.state == "failed" and "resume when it does" in ended.reason
    chat.start()
    launch.resume(folder)
    assert jobs.ended(folder).state == "finished" and len(dataset.load(project, "reader")) == 16


def test_one_row_that_the_server_always_fails_on_does_not_hold_up_the_others(
    project, jobs, request_for, chat, lines
):
    def reply(request):
        if "Empress" in request["messages"][-1]["content"]:
            raise ConnectionAbortedError
        return json.dumps(
            {
                "samples": [
                    {
                        "question": request["messages"][-1]["content"][:12] + "?",
                        "answer": request["messages"][-1]["content"][5:16],
                    }
                ]
            }
        )

    chat.reply = reply
    folder, ended = jobs.run(request_for(limits=Limits(concurrency=1, retries=1, backoff=0.01)))
    assert ended.state == "finished" and len(dataset.load(project, "reader")) == 7
    (left,) = lines(project.data / "reader.synth" / "rejects.jsonl")
    assert (left["reason"], left["row"], left["given_up"]) == ("declined", 3, False)


@pytest.mark.parametrize(
    ("trouble", "words", "code"),
    [
        (Status(401, "who are you"), "wants another key", 2),
        (Status(404, "no route"), "no model 'writer' on the server; it has other", 1),
        (Status(429, "no credit", kind="insufficient_quota"), "no credit left", 1),
    ],
    ids=["401", "404", "no credit"],
)
def test_what_no_waiting_mends_ends_the_job_with_one_sentence(jobs, request_for, chat, trouble, words, code):
    chat.script = [trouble]
    chat.models = ("writer",)
    if trouble.code == 404:
        chat.models = ("other",)
    _folder, ended = jobs.run(request_for(limits=Limits(concurrency=1)))
    assert (ended.state, ended.exit_code) == ("failed", code) and words in ended.reason
    assert len(chat.requests) == 1


def test_money_is_counted_and_the_limit_is_never_passed(project, jobs, request_for, chat):
    # One request costs 100 × 1 + 50 × 2 = 200 millionths, and at most about 60 + 300 × 2.
    request = request_for(prices=Prices(1.0, 2.0), most=0.0011, limits=Limits(concurrency=2))
    folder, ended = jobs.run(request)
    result = files.read_json(folder / files.RESULT)
    assert ended.state == "finished" and result["over_budget"]
    assert 0 < result["cost"] == len(chat.requests) * 0.0002 <= 0.0011
    assert len(dataset.load(project, "reader")) == 2 * len(chat.requests)
    jobs.run(request_for(prices=Prices(1.0, 2.0), most=1.0))
    assert len(chat.requests) == 8 and len(dataset.load(project, "reader")) == 16


def test_the_file_is_what_json_itself_would_write(project, jobs, request_for):
    request = request_for()
    jobs.run(request_for(prompt=request.prompt.model_copy(update={"layout": "openai"})))
    text = (project.data / "reader.json").read_text()
    assert text == json.dumps(json.loads(text), ensure_ascii=False, indent=2)

"""Rows become a dataset by asking a server, whatever the server does meanwhile."""

from __future__ import annotations

import json
import os
import signal
import threading

import pytest

from tarot_tui.data import dataset
from tarot_tui.data.record import read as read_record
from tarot_tui.data.synthesis import launch
from tarot_tui.data.synthesis.limits import Limits
from tarot_tui.errors import Refused
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


def test_every_sample_leads_back_to_its_row_prompt_and_model(project, asked, request_for, lines):
    request = request_for()
    asked(request)
    trace = lines(project.data / "reader.synth" / "trace.jsonl")
    assert [line["sample"] for line in trace] == [*range(1, 17)]
    last = trace[-1]
    assert (last["source"], last["section"], last["row"], last["model"], last["job"]) == (
        "sources/cards.csv", "", 8, "writer", "job",
    )  # fmt: skip
    assert dataset.load(project, "reader")[15]["instruction"].startswith("Moon")
    record = read_record(project, "reader")
    assert record["prompt"]["path"] == "prompts/reader.yaml" and record["sources"][0]["samples"] == 16
    assert record["prompt"]["prompt_sha256"] == last["prompt_sha256"] == request.prompt.sha256
    words = json.loads(
        (project.data / "reader.synth" / "prompts" / f"{last['prompt_sha256']}.json").read_text()
    )
    assert words["writer"] == request.prompt.writer


def test_the_openai_layout_is_registered_so_that_it_reads_back_the_same(project, asked, request_for):
    request = request_for()
    asked(request_for(prompt=request.prompt.model_copy(update={"layout": "openai"})))
    entry = json.loads((project.data / "dataset_info.json").read_text("ascii"))["reader"]
    assert entry["formatting"] == "sharegpt" and entry["tags"]["role_tag"] == "role"
    text = (project.data / "reader.json").read_text()
    raw = json.loads(text)
    assert text == json.dumps(raw, ensure_ascii=False, indent=2)
    assert [turn["role"] for turn in raw[0]["messages"]] == ["system", "user", "assistant"]
    assert dataset.load(project, "reader")[0]["output"] == "Fool: advice 1 for you."


def test_killed_in_the_middle_it_resumes_with_the_missing_rows_only(
    project, jobs, request_for, chat, until, lines
):
    chat.hold, chat.free = threading.Event(), 3
    folder = jobs.start(request_for(limits=Limits(concurrency=1)))
    until(lambda: len(chat.requests) == 4)
    for who in (status.read(folder).supervisor, status.read(folder).worker):
        os.kill(who.pid, signal.SIGKILL)
    until(lambda: not status.read(folder).alive)
    assert len(lines(project.data / "reader.synth" / "answers.jsonl")) == 3
    chat.hold.set()
    launch.resume(folder)
    assert jobs.ended(folder).state == "finished"
    assert len(dataset.load(project, "reader")) == 16
    # The row that was under way is the only one asked for twice.
    assert len(chat.requests) == 4 + 5 and len(set(chat.rows())) == 8


def test_half_a_line_of_a_power_cut_costs_that_row_only(project, asked, request_for, chat):
    asked(request_for())
    answers = project.data / "reader.synth" / "answers.jsonl"
    answers.write_bytes(answers.read_bytes()[:-40])
    asked(request_for())
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


def test_two_jobs_do_not_write_one_dataset_at_a_time(jobs, request_for, chat, until):
    chat.hold = threading.Event()
    first = jobs.start(request_for())
    until(lambda: chat.requests)
    second = jobs.ended(jobs.start(request_for()))
    assert (second.state, second.exit_code) == ("failed", 3) and "another job" in second.reason
    with pytest.raises(Refused, match="another job"):
        jobs.start(request_for(), anew=True)
    chat.hold.set()
    assert jobs.ended(first).state == "finished" and len(chat.requests) == 8

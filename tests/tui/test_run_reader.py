import math
import os
import threading

from tarot_tui.jobs.hardware import HardwareLog
from tarot_tui.tui.run_reader import RunReader, Watcher


def test_each_look_hands_out_only_what_is_new(make_job):
    job = make_job()
    job.status("running", 2)
    job.losses(3.0, 2.5)
    job.hardware()
    reader = RunReader(job.folder)
    look = reader.look()
    assert (look.title, look.kind, look.status.state) == ("The deck", "train", "running")
    assert look.curves.of("loss").points == [(1.0, 3.0), (2.0, 2.5)]
    assert look.metrics["grad_norm"] == 1.25
    assert look.hardware[-1]["cpu"] == 34.0
    assert 99 < look.elapsed < 200
    job.losses(2.0, first=3)
    again = reader.look()
    assert again.curves.of("loss").points[-1] == (3.0, 2.0)
    assert again.hardware == []
    assert reader.look().curves is again.curves


def test_a_reading_of_the_machine_is_handed_out_once_also_when_the_file_is_thinned_meanwhile(make_job):
    job = make_job()
    job.status("running", 2)
    for age in range(12_000, 0, -100):
        job.hardware(age=age)
    reader = RunReader(job.folder)
    assert len(reader.look().hardware) == 20 + 100 // 5
    job.hardware()
    assert len(reader.look().hardware) == 1
    HardwareLog(job.folder / "hardware.jsonl").thin(job.now + 100)
    job.hardware()
    assert len(reader.look().hardware) == 1
    assert reader.look().hardware == []


def test_missing_and_damaged_files_are_looked_at_without_a_word(make_job, tmp_path):
    assert RunReader(tmp_path / "no such job").look().status.state == "queued"
    job = make_job()
    for name in ("status.json", "trainer_log.jsonl", "hardware.jsonl", "log.txt", "events.jsonl", "job.yaml"):
        (job.folder / name).write_bytes(b'{"\xff\x00[')
    look = RunReader(job.folder).look()
    assert (look.status.state, look.curves.by_key, look.hardware) == ("lost", {}, [])


def test_readings_that_are_no_numbers_arrive_as_such_and_hostile_steps_do_not(make_job):
    job = make_job()
    job._append(
        "trainer_log.jsonl",
        '{"current_steps": 1, "loss": NaN}\n{"current_steps": 2, "loss": null}\n'
        '{"current_steps": 3, "loss": "low"}\n{"current_steps": 1e400, "loss": 1}\n'
        '{"current_steps": true, "loss": 1}\n{"loss": 1}\n{"current_steps": 4, "loss": 1' + "0" * 400 + "}",
    )
    loss = RunReader(job.folder).look().curves.of("loss")
    assert {step for step, _ in loss.points} <= {1, 2, 3, 4} and loss.bad == (1, 2, 3, 4)
    assert all(math.isnan(value) for _, value in loss.points)


def test_a_stopping_run_tells_when_it_will_be_forced(make_job):
    job = make_job(stop_grace=120)
    job.status("stopping", 10)
    reader = RunReader(job.folder)
    assert reader.look().force_in is None
    job.event(time=job.now - 20, kind="request", verb="stop")
    assert 90 < reader.look().force_in <= 100


def test_a_disk_that_hangs_stops_the_looks_and_nothing_else(make_job):
    job = make_job()
    pipe = job.folder / "status.json"
    os.mkfifo(pipe)  # opening it blocks, as a dead network disk does
    looks, came = [], threading.Event()
    watcher = Watcher(job.folder, lambda look: (looks.append(look), came.set()))
    watcher.stop()
    assert looks == []
    pipe_end = os.open(pipe, os.O_RDWR)  # the disk is back
    os.close(pipe_end)


def test_the_next_look_waits_until_the_one_before_was_shown(make_job):
    job = make_job()
    looks, came = [], threading.Semaphore(0)
    watcher = Watcher(job.folder, lambda look: (looks.append(look), came.release()))
    try:
        assert came.acquire(timeout=60)
        watcher.wake()
        assert not came.acquire(timeout=0.3)
        watcher.taken()
        assert came.acquire(timeout=60)
    finally:
        watcher.stop()

"""The curves of a run, what happened on the way, and the window through which they are seen."""

import json
import math

import pytest

from tarot_tui.jobs import files
from tarot_tui.tui.curves_reader import CurvesReader
from tarot_tui.tui.run_curves import Mark, RunCurves
from tarot_tui.tui.widgets.braille import Raster, masks
from tarot_tui.tui.widgets.chart_look import COLOURS, colours_of
from tarot_tui.tui.widgets.frame import Frame, fitted, frame
from tarot_tui.tui.widgets.series import Series
from tarot_tui.tui.widgets.window import Window


def test_every_metric_has_its_curve_and_the_loss_its_average():
    curves = RunCurves()
    for step in range(1, 50):
        curves.add({"current_steps": step, "loss": 2.0, "lr": 1e-4 * step, "grad_norm": math.inf})
    curves.add({"current_steps": 49, "eval_loss": 1.5})
    now = curves.frozen()
    assert now.of("loss").last == 2.0 and now.of("smooth").last == pytest.approx(2.0)
    assert now.of("eval_loss").points == [(49.0, 1.5)]
    assert now.of("grad_norm").bad_count == 49
    assert now is curves.frozen()


def test_what_happened_stands_at_its_step():
    curves = RunCurves()
    for step in range(1, 101):
        curves.add({"current_steps": step, "loss": 1.0, "time": 1000.0 + step})
    for event in (
        {"kind": "checkpoint", "step": 40, "time": 1040.5},
        {"kind": "checkpoint", "step": 40, "time": 1041.5},
        {"kind": "state", "state": "failed", "cause": "cuda_oom", "time": 1060.5},
        {"kind": "state", "state": "starting", "attempt": 2, "time": 1062.5},
        {"kind": "state", "state": "starting", "attempt": 1, "time": 1000.0},
        {"kind": "nonsense"},
    ):
        curves.add_event(event)
    assert curves.frozen().marks == (Mark(40, "checkpoint"), Mark(60, "memory"), Mark(63, "resume"))


def test_a_growing_curve_is_drawn_bit_by_bit_as_it_would_be_at_once():
    series, raster, shown = Series(keep=200), Raster(), Frame(0, 3000, -2, 2)
    for x in range(3000):
        series.append(x, math.sin(x / 90) + (1.9 if x == 1234 else 0))
        if x == 1500:
            series.append(1400, math.nan)
        if x % 7 == 0:
            now = series.frozen()
            assert raster.draw(now, shown, 40, 8)[0] == masks(now.points, shown, 40, 8)


def test_a_logarithmic_frame_is_labelled_with_the_values_themselves():
    curve = [(x, 10.0 ** (-x / 20)) for x in range(100)]
    labels = [text for _place, text in frame(curve, log=True).labels()]
    assert labels[-1] == "1" and "0.1" in labels and len(labels) >= 4
    narrow = [text for _place, text in frame([(1, 2.0), (2, 2.6), (3, 3.1)], log=True).labels()]
    assert narrow and all(1.5 < float(text) < 3.5 for text in narrow)
    assert frame([(1, 0.0), (2, -5.0), (3, 1e300)], log=True).top > 12


def test_a_frame_stays_while_the_curve_creeps_and_moves_when_it_leaves():
    before = fitted(Frame(0, 10, 0, 1), [1.0, 3.0])
    assert fitted(Frame(0, 20, 0, 1), [1.1, 2.9], before).top == before.top
    assert fitted(Frame(0, 20, 0, 1), [1.1, 9.0], before).top > before.top


def test_a_window_follows_in_strides_is_zoomed_around_a_place_and_finds_back():
    everything = Window()
    assert everything.limits(100, 400) == (0, 128)
    near = everything.zoomed(0.25, 100, 100, 400)
    assert near.follows and near.span == 32
    assert near.limits(100, 400) == near.limits(97, 400) != near.limits(105, 400)
    around = everything.zoomed(0.25, 30, 100, 400)
    left, right = around.limits(100, 400)
    assert (
        not around.follows and left < 30 < right and (30 - left) / (right - left) == pytest.approx(30 / 128)
    )
    assert around.moved(-9, 100, 400).left == 0
    assert around.moved(9, 100, 400).follows
    assert around.zoomed(64, 30, 100, 400) == everything
    assert everything.moved(1, 100, 400) == everything
    assert around.showing(90, 100, 400).limits(100, 400)[0] <= 90


def test_a_run_keeps_its_colour_and_no_two_share_one_while_there_are_enough():
    names = [f"20261124-{number:06}-deck" for number in range(COLOURS)]
    assert sorted(colours_of(names).values()) == list(range(COLOURS))
    alone = colours_of(["deck"])["deck"]
    assert colours_of(["deck", "zebra"])["deck"] == alone


def rows(first, last, spike=None):
    for step in range(first, last + 1):
        loss = 50.0 if step == spike else 1.0 + 0.1 * (step % 3)
        yield json.dumps({"current_steps": step, "loss": loss, "padding": "x" * 200}) + "\n"


def test_a_long_log_is_shown_at_once_and_whole_a_little_later(make_job, monkeypatch):
    monkeypatch.setattr("tarot_tui.tui.curves_reader._BYTES", 100_000)
    job = make_job()
    path = job.folder / files.METRICS
    path.write_text("".join(rows(1, 30_000, spike=7_003)))
    job.event(time=1.0, kind="checkpoint", step=500)
    reader = CurvesReader(job.folder)
    at_once = reader.read()
    assert at_once.last_step == 30_000 and max(y for _x, y in at_once.of("loss").points) < 2
    while reader.filling:
        reader.fill_in(0.01)
    with open(path, "a") as file:
        file.writelines(rows(30_001, 30_002))
    whole = reader.read()
    assert whole.last_step == 30_002 and (7003, 50.0) in whole.of("loss").points
    assert whole.marks == (Mark(500, "checkpoint"),)


@pytest.mark.parametrize("how", ["replaced", "truncated", "moved away", "removed"])
def test_a_log_that_is_replaced_or_vanishes_is_read_on(make_job, how):
    job = make_job()
    path = job.folder / files.METRICS
    path.write_text("".join(rows(1, 50)))
    reader = CurvesReader(job.folder)
    assert reader.read().last_step == 50
    if how == "replaced":
        new = path.with_suffix(".new")
        new.write_text("".join(rows(1, 30)))
        new.replace(path)
    elif how == "truncated":
        path.write_text("".join(rows(1, 30)))
    else:
        path.rename(path.with_suffix(".old")) if how == "moved away" else path.unlink()
        assert reader.read().last_step == 50
        path.write_text("".join(rows(1, 30)))
    assert reader.read().last_step == 30


def test_looking_closer_shows_every_reading_again(make_job):
    job = make_job()
    path = job.folder / files.METRICS
    path.write_text("".join(rows(1, 30_000, spike=7_003)))
    reader = CurvesReader(job.folder)
    assert reader.read().of("loss").thinned
    closer = reader.read((7_000, 7_040)).between("loss", 7_000, 7_040)
    assert [step for step, _loss in closer.points] == list(range(7_000, 7_041))
    assert (7_003, 50.0) in closer.points
    assert reader.read((7_000, 7_040)).between("loss", 6_000, 7_040).thinned
    assert [*reader.read((-5, 3)).between("loss", -5, 3).points] == [(1, 1.1), (2, 1.2), (3, 1.0)]
    assert reader.read((40_000, 50_000)).between("loss", 40_000, 50_000).thinned
    path.unlink()
    assert reader.read((10, 20)).last_step == 30_000


def test_running_out_of_memory_for_good_is_marked_once(make_job):
    job = make_job()
    for step in range(1, 11):
        job._append(files.METRICS, json.dumps({"current_steps": step, "loss": 1.0, "time": 100.0 + step}))
    reader = CurvesReader(job.folder)
    for _look in range(2):
        reader.read()
        reader.note_end("cuda_oom", 106.5)
    assert reader.read().marks == (Mark(6, "memory"),)

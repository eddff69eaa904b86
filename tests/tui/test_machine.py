"""What a machine's readings come to: history, means, hints in words, lines for one GPU and for many."""

import pytest

from tarot_tui.tui.hints import hints
from tarot_tui.tui.machine import STRIDE, History, Machine, checked
from tarot_tui.tui.spans import width_of
from tarot_tui.tui.widgets.gpu_lines import row, spark
from tarot_tui.tui.widgets.hardware import HardwarePanel

OURS = {"pid": 1, "user": "ann", "job": "run"}
THEIRS = {"pid": 4321, "user": "bob", "mem": 7}
GPU = {"index": 0, "name": "NVIDIA H100 80GB HBM3", "util": 97, "mem_used": 60e9, "mem_total": 85.9e9}
GPU |= {"temp": 61, "power": 412.0, "power_limit": 700.0, "processes": [OURS]}
HOST = {"cpu": 34.0, "ram_used": 12.1e9, "ram_total": 32e9, "disk_free": 81e9, "net_in": 2.5e6}


def machine(*gpus, seconds=1, **more):
    history = History("run")
    for moment in range(seconds):
        history.add(HOST | {"time": 1000.0 + moment, "gpus": list(gpus)} | more)
    return history.look(0.0)


def said(*gpus, working=True, **more):
    return " ".join(sentence for _role, sentence in hints(machine(*gpus, **more), working))


def text(lines):
    return "\n".join("".join(run for _, run in line) for line in lines)


@pytest.mark.parametrize(
    "gpu, more, words",
    [
        ({"lost": True, "util": None}, {}, "GPU 0 is lost"),
        ({"stale": 12}, {}, "has not answered for 12 s"),
        ({"slowed": ["power", "heat"]}, {}, "GPU 0 is too hot"),
        ({"slowed": ["brake"]}, {}, "power brake"),
        ({"mem_used": 85e9}, {}, "The memory of GPU 0 is nearly full"),
        ({"processes": [OURS, THEIRS]}, {}, "GPU 0 is shared with process 4321 of bob"),
        ({"util": 4}, {"seconds": 60}, "GPU 0 had 4 % to do"),
        ({}, {"disk_free": 1e9}, "Only 1.0 GB is left on the disk"),
        ({}, {"ram_used": 31.9e9}, "memory of the machine is nearly full"),
        ({}, {"gpu_problem": "Driver/library version mismatch"}, "driver does not work: Driver/library"),
    ],
)
def test_readings_that_matter_are_said_in_words(gpu, more, words):
    assert words in said(GPU | gpu, **more)


def test_a_machine_that_is_well_or_at_its_power_limit_gets_no_hint():
    assert said(GPU, seconds=60) == said(GPU | {"slowed": ["power"]}, seconds=60) == ""
    assert said(GPU | {"util": 4}, seconds=60, working=False) == ""
    assert said(GPU | {"util": 4}, seconds=10) == ""


def test_of_a_run_that_is_over_only_what_may_have_ended_it_is_said():
    history = History("run")
    history.add(
        HOST | {"time": 1.0, "disk_free": 1e9, "gpus": [GPU | {"processes": [OURS, THEIRS], "lost": True}]}
    )
    assert [sentence.partition(":")[0] for _role, sentence in hints(history.look(None), False)] == [
        "GPU 0 is lost"
    ]


def test_the_history_moves_only_every_few_seconds_and_holds_means():
    history = History()
    for moment in range(3 * STRIDE + 1):
        load = 100 if moment % 2 else 0
        history.add({"time": moment, "gpus": [GPU | {"util": load}]})
    assert history.look(0.0).gpus[0].history == (50.0, 50.0, 50.0)
    assert spark((0.0, 50.0, 100.0), 3) == " ⢀⣼"
    assert spark((), 3) == "   "


def test_a_row_tells_whose_processes_compute_and_why_it_is_slow():
    (gpu,) = checked(
        {"gpus": [GPU | {"processes": [OURS, THEIRS, THEIRS, THEIRS], "slowed": ["heat"]}]}, "run"
    )
    line = text([row(gpu, 150)])
    for words in ("this run", "bob 4321 +2", "too hot", "412/700 W", "H100 80GB"):
        assert words in line
    assert all(width_of(row(gpu, width)) == width for width in (60, 76, 90, 120, 158))


@pytest.mark.parametrize("width, height", [(40, 27), (78, 12), (118, 12), (158, 40), (300, 90)])
@pytest.mark.parametrize("count", [0, 1, 4, 8, 16, 64])
@pytest.mark.parametrize("whole", [False, True])
def test_any_number_of_gpus_fits_anywhere(width, height, count, whole):
    panel = HardwarePanel()
    panel.whole = whole
    panel._machine = machine(*[GPU | {"index": index} for index in range(count)])
    lines = panel.compose_lines(width, height)
    assert all(width_of(line) <= width for line in lines)
    assert "34 %" in text(lines)
    if count == 64:
        assert "GPU 56–63" in text(lines)


def test_a_run_on_several_machines_has_a_line_for_each():
    gpus = [GPU | {"index": index} for index in range(8)]
    gpus[3] |= {"lost": True}
    panel = HardwarePanel()
    panel._machine = machine(*gpus)
    other = HOST | {"gpus": gpus}
    panel._elsewhere = {1: Machine(other, checked(other), 1.0), 2: Machine(other, checked(other), 99.0)}
    shown = text(panel.compose_lines(78, 20))
    for words in ("machine 0", "machine 1", "machine 2", "lost: 3", "stale 1 min 39 s", "⣿⣿⣿x⣿⣿⣿⣿"):
        assert words in shown


def test_mig_instances_and_traffic_are_listed_where_there_is_room():
    panel = HardwarePanel()
    panel.whole = True
    parts = [{"mem_used": 5e9, "mem_total": 20e9}, {"mem_used": 6e9, "mem_total": 20e9}]
    panel._machine = machine(GPU | {"util": None, "parts": parts})
    shown = text(panel.compose_lines(100, 20))
    assert shown.count("MIG") == 2 and "6.0/20 GB" in shown and "in   2.5" in shown


def test_one_line_is_enough_for_all_gpus():
    panel = HardwarePanel()
    panel._machine = machine(*[GPU | {"index": index} for index in range(8)])
    (line,) = panel.compose_lines(78, 1)
    assert "GPU ⣿⣿⣿⣿⣿⣿⣿⣿  97 %" in text([line]) and "61 C" in text([line])


@pytest.mark.parametrize("height", [12, 13, 19, 27])
def test_in_a_low_column_every_gpu_is_still_in_sight(height):
    panel = HardwarePanel()
    gpus = [GPU | {"index": index, "temp": 90 if index == 13 else 61} for index in range(16)]
    panel._machine = machine(*gpus)
    lines = panel.compose_lines(40, height)
    shown = text(lines)
    assert len(lines) <= height
    assert "GPU 8–15" in shown or "15*" in shown
    assert "13*" in shown

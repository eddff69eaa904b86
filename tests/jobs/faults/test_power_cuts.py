"""Power cuts at fifty random moments, also while the job is being started: kill -9 of everything at once.

What a disk loses that had not been flushed yet is not simulated; torn checkpoints are, in the tests of the engine.
"""

from __future__ import annotations

import random
import threading
import time
from contextlib import suppress

from tarot_tui.errors import TarotError
from tarot_tui.jobs import control, files, status
from tarot_tui.jobs.metrics import MetricsReader

JOBS, CUTS, STEPS = 5, 10, 150
SEED = 20261124


def test_after_any_power_cut_the_state_is_consistent_and_nothing_is_lost(
    training, cut_power, points, stand_in
):
    folders = [training(STEPS, 0.02, 7, start=False) for _ in range(JOBS)]
    faults: list[str] = []

    def suffer(number: int) -> None:
        folder, chance = folders[number], random.Random(SEED + number)
        request = (folder / files.SPEC).read_bytes()
        for cut in range(CUTS):
            before = status.read(folder)
            start = threading.Thread(target=_start, args=(folder,))
            start.start()
            if cut % 3:  # the others are met wherever they have got to, most of them while they come up
                while start.is_alive() and status.read(folder).attempt == before.attempt:
                    time.sleep(0.02)
            time.sleep(chance.uniform(0, 0.6))
            cut_power(folder)
            start.join()
            cut_power(folder)  # what the launcher still got going
            faults.extend(f"{folder.name}: {fault}" for fault in _faults(folder, request, points, stand_in))

    threads = [threading.Thread(target=suffer, args=(number,)) for number in range(JOBS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults, f"seed {SEED}: " + "\n".join(faults)

    attempts = [status.read(folder).attempt for folder in folders]
    assert sum(attempts) > JOBS * CUTS / 2, "hardly any cut met a job that had begun"
    for folder in folders:
        if status.read(folder).state != "finished":
            control.resume(folder)
    deadline = time.monotonic() + 180
    while any(status.read(folder).alive for folder in folders) and time.monotonic() < deadline:
        time.sleep(0.1)
    for folder in folders:
        assert status.read(folder).state == "finished"
        assert points(folder) == stand_in.curve(STEPS)
        assert not (folder / stand_in.SIGN_OF_TWO).exists()


def _start(folder) -> None:
    with suppress(TarotError):  # the supervisor was killed while it came up, or the job was already finished
        control.resume(folder)


def _faults(folder, request, points, stand_in) -> list[str]:
    """What a reader of the folder finds wrong."""
    found = status.read(folder)
    curve = points(folder)
    saved, _weights = stand_in.last_complete(folder)
    said = files.read_json(folder / files.PROGRESS).get("step", 0)
    states = [row["state"] for row in MetricsReader(folder / files.EVENTS).read() if row["kind"] == "state"]
    checks = {
        f"state {found.state}": found.state in ("queued", "lost", "finished"),
        "queued, but with an attempt": (found.state == "queued") == (found.attempt == 0),
        "its request changed": (folder / files.SPEC).read_bytes() == request,
        "the curve has gaps or other values": curve == stand_in.curve(len(curve)),
        f"the curve ends at {len(curve)}, before step {said} which was reported": len(curve) >= said,
        f"the curve ends at {len(curve)}, before the checkpoint {saved}": len(curve) >= saved,
        "a checkpoint is missing": saved >= len(curve) - len(curve) % 7 - 7,
        "two workers": not (folder / stand_in.SIGN_OF_TWO).exists(),
        f"the events say {states[-1:]}": not states or states[-1] in ("starting", "running", "finished"),
    }
    return [fault for fault, holds in checks.items() if not holds]

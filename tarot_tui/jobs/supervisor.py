"""One process per running job: it starts the worker, writes down how it is, carries out requests, judges the end.

``python -m tarot_tui.jobs.supervisor FOLDER ATTEMPT``, called by :func:`tarot_tui.jobs.launch.start`. It lives in the
job folder (also when that is moved), knows nothing of what it runs, and its death leaves the worker running.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from tarot_tui.jobs import files, hardware, identity, ranks, retry, status
from tarot_tui.jobs.alerts import alarms_of
from tarot_tui.jobs.cgroup import oom_kills
from tarot_tui.jobs.classify import Ending, Verdict, classify
from tarot_tui.jobs.daemon import detach, lock, stay_with_orphans, unlock
from tarot_tui.jobs.launch import BUSY
from tarot_tui.jobs.log import last_lines
from tarot_tui.jobs.machine import Machine
from tarot_tui.jobs.process import Worker, command_of, processes_of, works_in
from tarot_tui.jobs.progress import Progress, Trainer, observe
from tarot_tui.jobs.spec import read_spec
from tarot_tui.jobs.stopping import Stopping
from tarot_tui.locale import _

#: Seconds between looks at the worker and for requests; between samples and progress; between heartbeats.
POLL = 0.2
OBSERVE = 1.0
HEARTBEAT = 5.0
#: Log lines that the verdict is read from.
_LOG_LINES = 400
#: Seconds to go on trying to write the last word while the disk is full.
_LAST_WORD_SECONDS = 120
#: Seconds that a supervisor may take from its last word to its end.
_LETTING_GO = 30.0

#: The cause of a stop that the machine or its batch system asked for, and nobody else.
TOLD_TO_END = "told_to_end"

_FOLDER = Path()  # the working directory, wherever it may be moved to


class Supervisor:
    """The life of one attempt, and of those that follow it by themselves (:mod:`.retry`)."""

    def __init__(self, place: Path) -> None:
        """``place`` is the job folder's absolute path, for the worker; the working directory is already there."""
        self._place = place
        self._machine = Machine(place)
        self._spec = read_spec(_FOLDER)
        self._status = status.Status()
        self._worker: Worker | None = None
        self._stopping = Stopping(self._spec)
        self._hardware = hardware.HardwareLog(_FOLDER / files.HARDWARE)
        self._trainer = Trainer(_FOLDER / files.METRICS)
        self._progress = Progress()
        self._written = float("-inf")
        self._told_to_end = self._by_machine = False
        self._oom_kills = oom_kills()
        self._alarms = alarms_of(place)

    def begin(self) -> None:
        """Take the job: adopt a worker that still runs, or start one in a new attempt."""
        files.reserve(_FOLDER)
        previous = status.parse(files.read_json(_FOLDER / files.STATUS))
        self._worker = self._orphan(previous)
        if self._worker:
            begun = dataclasses.replace(previous, reason="", cause="")
            files.append_event(_FOLDER, "adopted", pid=self._worker.identity.pid)
            if (_FOLDER / files.WORKER_STOP).exists():
                self._stopping.ask("stop")
        else:
            self._drop_requests()
            begun = self._new_attempt(previous)
        self._set(dataclasses.replace(begun, supervisor=identity.of(os.getpid())))
        self._bring_up()

    def _bring_up(self) -> None:
        """Start the worker unless there is one, and say that it runs; or that it cannot be started."""
        self._machine.look()
        try:
            self._worker = self._worker or self._launch()
        except OSError as error:
            sentence = _("'{program}' cannot be started: {reason}.").format(
                program=self._spec["argv"][0], reason=error.strerror
            )
            self._end(Verdict("failed", "cannot_start", sentence))
            return
        state = "stopping" if self._stopping.asked else "running"
        # From here on a full disk must not end the supervision: what could not be written now is written later.
        with suppress(OSError):
            self._set(dataclasses.replace(self._status, state=state, worker=self._worker.identity))

    def on_signal(self, *_signal: Any) -> None:
        """What SIGTERM means to us: the machine goes down, so save and stop."""
        self._told_to_end = True

    def run(self) -> None:
        """Supervise until the worker, or the last that took its place, has ended and the verdict is written."""
        while worker := self._worker:
            if not self._see_to_its_end(worker):
                return
            verdict = self._judge(worker)
            if not self._try_again(verdict):
                return self._end(self._with_last_word(verdict))

    def _see_to_its_end(self, worker: Worker) -> bool:
        """Stay with the worker; whether it ended, and not the job was taken over by somebody else."""
        observed = float("-inf")
        while not worker.ended():
            with suppress(OSError):
                self._carry_out_requests()
            self._press(worker)
            if time.monotonic() - observed >= OBSERVE:
                observed = time.monotonic()
                if self._taken_over():
                    self._give_way(worker)
                    return False
                self._observe()
            time.sleep(POLL)
        return not self._taken_over()

    def _try_again(self, verdict: Verdict) -> bool:
        """Whether a new attempt was begun, with less: only where the job's maker foresaw it, and nobody wants an end."""
        if verdict.state != "failed" or self._stopping.asked or self._told_to_end:
            return False
        begun = files.read_json(_FOLDER / files.PROGRESS).get("total") is not None
        rung = retry.next_rung(_FOLDER, self._spec, verdict.cause, begun=begun)
        try:
            if rung:
                retry.take(_FOLDER, rung, verdict.cause)
            elif not self._machine.goes_on():
                return False
            reason = f"{verdict.reason} {rung.what}" if rung else verdict.reason
            _note(reason)
            again = self._new_attempt(self._status)
            self._set(dataclasses.replace(again, supervisor=self._status.supervisor, reason=reason))
        except OSError:
            return False  # a full disk: the verdict is the last word that there may be room for
        self._worker = None
        self._oom_kills = oom_kills()
        self._trainer, self._progress = Trainer(_FOLDER / files.METRICS), Progress()
        self._bring_up()
        return True

    def _taken_over(self) -> bool:
        """Whether the job was resumed elsewhere, after this machine had slept or lost the disk for long enough."""
        found = status.parse(files.read_json(_FOLDER / files.STATUS)).supervisor
        return found is not None and found != self._status.supervisor

    def _give_way(self, worker: Worker) -> None:
        """End our worker, and leave the status to the other supervisor: a folder has one worker."""
        worker.kill()
        worker.clear_strays()
        with suppress(OSError):
            files.append_event(_FOLDER, "gave_way", supervisor=self._status.supervisor)

    def _orphan(self, previous: status.Status) -> Worker | None:
        """The worker of an attempt whose supervisor was killed, if it lives; what is left of a dead one is ended."""
        left = processes_of(self._place)
        who = previous.worker
        if who is None and previous.alive:
            # The supervisor died between starting the worker and writing that down.
            leaders = [process.pid for process in left if os.getsid(process.pid) == process.pid]
            who = identity.of(leaders[0]) if leaders else None
        if previous.alive and who and identity.is_alive(who) and works_in(who.pid, _FOLDER):
            with suppress(psutil.NoSuchProcess):
                return Worker.adopt(who)
        for process in left:
            with suppress(psutil.Error):
                process.kill()
        if left:
            files.append_event(_FOLDER, "strays_killed", processes=[str(process.pid) for process in left])
            psutil.wait_procs(left, timeout=5)
        return None

    def _new_attempt(self, previous: status.Status) -> status.Status:
        for name in (files.PROGRESS, files.RESULT, files.WORKER_STOP, files.WORKER_SAVE):
            (_FOLDER / name).unlink(missing_ok=True)
        attempt = previous.attempt + 1
        log = _FOLDER / files.LOG
        log.touch()
        if attempt > 1:
            now = time.strftime("%Y-%m-%d %H:%M:%S")
            _note(_("attempt {count}, {time}").format(count=attempt, time=now))
        return status.Status(
            state="starting",
            total=self._spec.get("total"),
            started=time.time(),
            attempt=attempt,
            log_from=log.stat().st_size,
        )

    def _launch(self) -> Worker:
        argv, environment = command_of(self._spec, self._place, self._machine.job)
        worker = Worker.launch(argv, environment, _FOLDER / files.LOG)
        with suppress(OSError):
            files.append_event(_FOLDER, "worker", argv=argv, pid=worker.identity and worker.identity.pid)
        return worker

    def _carry_out_requests(self) -> None:
        """Act on each request and then remove it, so that one that could not be carried out is met again."""
        for verb in files.VERBS:
            request = _FOLDER / files.request_file(verb)
            if request.exists():
                self._by_machine |= not self._stopping.asked and request.read_text() == TOLD_TO_END
                self._carry_out(verb)
                request.unlink(missing_ok=True)
        if self._told_to_end:
            self._by_machine |= not self._stopping.asked
            self._machine.ask_all("stop", TOLD_TO_END)
            self._carry_out("stop")
        if self._machine.left_alone():
            self._carry_out("kill")

    def _carry_out(self, verb: str) -> None:
        if verb == "save":
            (_FOLDER / files.WORKER_SAVE).touch()
            files.append_event(_FOLDER, "request", verb=verb)
            return
        news = self._stopping.ask(verb)
        if verb == "stop":
            (_FOLDER / files.WORKER_STOP).touch()
        if news:
            files.append_event(_FOLDER, "request", verb=verb)
            self._announce()

    def _press(self, worker: Worker) -> None:
        """Send the signal whose time has come, and say so."""
        if self._stopping.press(worker):
            with suppress(OSError):
                self._announce()

    def _announce(self) -> None:
        """Where the ending has got to, with its times: in the status, the events, and the log itself."""
        said = self._stopping.announcement()
        self._set(dataclasses.replace(self._status, state="stopping", reason=said))
        _note(said)

    def _observe(self) -> None:
        """Look at progress and hardware, and write what changed; nothing here may end the supervision."""
        self._progress = observe(_FOLDER, self._progress, self._trainer)
        changed = self._progress.merged(self._status)
        with suppress(OSError, psutil.Error):
            self._hardware.append(hardware.sample(_FOLDER, self._worker.rss()))
        if changed != self._status or time.monotonic() - self._written >= HEARTBEAT:
            self._status = changed
            with suppress(OSError):
                self._write()
        self._alarms.look(changed, hardware.disk_free(_FOLDER))

    def _judge(self, worker: Worker) -> Verdict:
        """Why an ended worker ended; what it left behind is cleared away."""
        disk_free = hardware.disk_free(_FOLDER)
        if strays := worker.clear_strays():
            with suppress(OSError):
                files.append_event(_FOLDER, "strays_killed", processes=strays)
        self._progress = observe(_FOLDER, self._progress, self._trainer)
        self._status = self._progress.merged(self._status)
        code = worker.exit_status
        self._status = dataclasses.replace(
            self._status,
            exit_code=code if code is not None and code >= 0 else None,
            signal=-code if code is not None and code < 0 else None,
        )
        ending = Ending(
            exit_code=self._status.exit_code,
            signal=self._status.signal,
            log=last_lines(_FOLDER / files.LOG, _LOG_LINES, self._status.log_from),
            result=self._machine.result(),
            step=self._status.step,
            total=self._status.total,
            asked=self._stopping.asked,
            forced=self._stopping.forced,
            disk_free=disk_free,
            others=ranks.logs(_FOLDER, self._status.started or 0),
            elsewhere=ranks.other_machines(_FOLDER),
            oom_kills=_more(oom_kills(), self._oom_kills),
        )
        return self._machine.verdict(classify(ending))

    def _with_last_word(self, verdict: Verdict) -> Verdict:
        if verdict.state == "stopped" and self._by_machine:
            said = _(
                "The machine or its batch system told it to end; its work is saved, resume goes on from there."
            )
            return Verdict("stopped", TOLD_TO_END, said)
        if verdict.state != "failed":
            return verdict
        # The folder as it is called now: it may have been moved.
        said = retry.last_word(self._spec, Path.cwd().name, verdict.cause)
        return dataclasses.replace(verdict, reason=f"{verdict.reason} {said}") if said else verdict

    def _end(self, verdict: Verdict) -> None:
        with suppress(OSError):
            self._drop_requests()
            for name in (files.RESERVE, files.WORKER_STOP, files.WORKER_SAVE):
                (_FOLDER / name).unlink(missing_ok=True)
        last = dataclasses.replace(
            self._status, state=verdict.state, cause=verdict.cause, reason=verdict.reason, ended=time.time()
        )
        deadline = time.monotonic() + _LAST_WORD_SECONDS
        while True:
            try:
                self._set(last)
                return self._alarms.ended(last)
            except OSError:
                if time.monotonic() > deadline or not Path(files.SPEC).exists():
                    raise
                time.sleep(1)

    def _drop_requests(self) -> None:
        for verb in files.VERBS:
            (_FOLDER / files.request_file(verb)).unlink(missing_ok=True)

    def _set(self, changed: status.Status) -> None:
        """Enter a state: among the events, and on the disk for good. Raises OSError."""
        self._status = changed
        # The status comes last: whoever reads in it that the job is over finds its story whole.
        files.append_event(
            _FOLDER, "state", state=changed.state, attempt=changed.attempt, reason=changed.reason
        )
        self._write(durable=True)

    def _write(self, *, durable: bool = False) -> None:
        self._status = dataclasses.replace(self._status, heartbeat=time.time(), beat=time.monotonic())
        found = self._status.as_dict()
        del found["supervised"]  # for readers to find out
        files.write_json(_FOLDER / files.STATUS, found, durable=durable)
        self._written = time.monotonic()


def _take(seen: int | None) -> int | None:
    """The job's lock; None when another supervisor has it, or has had it since its launcher saw the attempt ``seen``."""
    deadline = time.monotonic() + _LETTING_GO
    while (handle := lock(_FOLDER / files.LOCK)) is None:
        # One that has said its last word is about to let go.
        if status.read(_FOLDER).alive or time.monotonic() > deadline:
            return None
        time.sleep(0.05)
    # Whoever was quicker may have seen the job to its end while we came up.
    if seen in (None, status.read(_FOLDER).attempt):
        return handle
    unlock(handle)
    return None


def _note(sentence: str) -> None:
    """A line of ours among the worker's. Raises OSError."""
    with open(_FOLDER / files.LOG, "a", encoding="utf-8") as log:
        log.write(f"\n--- {sentence} ---\n")


def _more(now: int | None, before: int | None) -> int | None:
    return None if now is None or before is None else now - before


def main(argv: list[str]) -> int:
    """Supervise the job folder ``argv[0]``, last seen in attempt ``argv[1]``; 0 when its worker was seen to its end."""
    place = Path(argv[0]).absolute()
    launcher = detach()
    return _supervise(place, launcher.tell, seen=int(argv[1]))


def stay(place: Path) -> int:
    """The same in this process and its session, for a batch system that takes what ends to be over."""
    stay_with_orphans()
    return _supervise(place.absolute(), lambda code: None)


def _supervise(place: Path, tell: Callable[[int], None], seen: int | None = None) -> int:
    os.chdir(place)
    handle = _take(seen)
    if handle is None:
        tell(BUSY)
        return BUSY
    try:
        supervisor = Supervisor(place)
        supervisor.begin()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, supervisor.on_signal)
        tell(0)
        supervisor.run()
    finally:
        unlock(handle)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Telling the user what happens to a run while nobody looks: what is configured, what is worth telling, and when.

Off unless ``tarot.yaml`` has ``alerts:``, and until its user has tried it once (:func:`trust`). Its keys are those of
:class:`Alerts`. What is told goes out through a short-lived
process (:mod:`tarot_tui.jobs.alert_sender`), so that a supervisor stays small and no slow server holds it up.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from tarot_tui.errors import BadInput
from tarot_tui.jobs import files
from tarot_tui.jobs.status import Status
from tarot_tui.locale import _
from tarot_tui.project import FILE, Project
from tarot_tui.text import duration, one_line, size

#: What can be told. All but ``stopped``, which somebody asked for, are unless ``on`` says otherwise.
KINDS = ("finished", "failed", "nan", "stalled", "disk", "stopped")
GIGABYTE = 10**9
#: Steps that must have been seen before a stall can be, and the least that counts as one, in seconds.
_STEPS, _LEAST_STALL = 5, 60.0


@dataclass(frozen=True)
class Alerts:
    """The key ``alerts:`` of ``tarot.yaml``.

    on: which kinds are told. bell: ring in ``watch``, and notify through the terminal (OSC 9). command: a program and its
    words, started without a shell, with the facts in its environment as TAROT_ALERT_KIND, _TEXT, _RUN, _FOLDER, _STEP,
    _TOTAL. ntfy: the URL of a topic. webhook: a URL that gets the facts as JSON, with the sentence as ``text`` and
    ``content``. stalled_after: how many times the usual step. disk_below: gigabytes.
    """

    on: tuple[str, ...] = KINDS[:-1]
    bell: bool = False
    command: tuple[str, ...] = ()
    ntfy: str = ""
    webhook: str = ""
    stalled_after: float = 10.0
    disk_below: float = 2.0

    @property
    def silent(self) -> bool:
        """Whether nothing is sent anywhere."""
        return not (self.command or self.ntfy or self.webhook)


@dataclass(frozen=True)
class Alert:
    """One thing to tell, JSON-ready. text: one masked sentence."""

    kind: str
    text: str
    run: str
    folder: str
    step: int | None = None
    total: int | None = None


def read(project: Project) -> Alerts:
    """What ``tarot.yaml`` says. Raises BadInput that names the key and what is allowed."""
    found = project.settings().get("alerts")
    if found is None:
        return Alerts(on=())
    place = f"{project.root / FILE}, alerts"
    if not isinstance(found, dict):
        raise BadInput(_("{place}: expected 'key: value' lines.").format(place=place))
    known = [field.name for field in fields(Alerts)]
    for key in found:
        if key not in known:
            raise BadInput(
                _("{place}: unknown key '{key}': did you mean {near}?").format(
                    place=place, key=one_line(str(key), 40), near=_nearest(key, known)
                )
            )
    return Alerts(**{key: _checked(f"{place}.{key}", key, value) for key, value in found.items()})


class Alarms:
    """Watches one attempt of a run and sends each thing worth telling once."""

    def __init__(self, folder: Path, alerts: Alerts) -> None:
        self._folder = folder
        self._alerts = alerts
        self._step: int | None = None
        self._step_at = 0.0
        self._seconds: deque[float] = deque(maxlen=50)
        self._told: set[str] = set()

    def look(self, found: Status, disk_free: int | None) -> None:
        """Look at a run that goes on."""
        now = time.monotonic()
        self._count(found, now)
        limit = self._alerts.disk_below * GIGABYTE
        if disk_free is not None and disk_free < limit:
            self._tell("disk", found, _("Only {size} are left on the disk.").format(size=size(disk_free)))
        elif disk_free is not None and disk_free > 2 * limit:
            self._told.discard("disk")
        silence = now - self._step_at
        if found.state == "running" and silence > self._stalled_after():
            text = _("No step for {time}; one takes {usual} as a rule.")
            usual = duration(self._usual())
            self._tell("stalled", found, text.format(time=duration(silence), usual=usual))

    def ended(self, found: Status) -> None:
        """Tell how the run ended."""
        kind = "nan" if found.cause == "nan" and "nan" in self._alerts.on else found.state
        words = {"finished": _("It is finished."), "stopped": _("It is stopped."), "failed": _("It failed.")}
        self._tell(kind, found, found.reason or words.get(found.state, found.state))

    def _count(self, found: Status, now: float) -> None:
        if found.unit != "steps" or found.step is None or found.step == self._step:
            return
        if self._step is not None and found.step > self._step:
            self._seconds.append((now - self._step_at) / (found.step - self._step))
            self._told.discard("stalled")
        self._step, self._step_at = found.step, now

    def _usual(self) -> float:
        return sorted(self._seconds)[len(self._seconds) // 2]

    def _stalled_after(self) -> float:
        if len(self._seconds) < _STEPS:
            return float("inf")
        return max(_LEAST_STALL, self._alerts.stalled_after * self._usual())

    def _tell(self, kind: str, found: Status, sentence: str) -> None:
        if kind in self._told or kind not in self._alerts.on or self._alerts.silent:
            return
        self._told.add(kind)
        name = self._folder.name
        send(
            self._alerts,
            Alert(
                kind, one_line(f"{name}: {sentence}", 600), name, str(self._folder), found.step, found.total
            ),
        )


def alarms_of(folder: Path) -> Alarms:
    """The alarms of the job in ``folder``, silent unless its project wants any and the user knows of it.

    Never raises: a wrong setting, or one that is not trusted, is an event of the run.
    """
    project = Project(folder.parent.parent)
    alerts, problem = Alerts(on=()), ""
    if (project.root / FILE).is_file():
        try:
            alerts = read(project)
        except BadInput as error:
            problem = str(error)
    if not alerts.silent and not is_trusted(alerts):
        alerts, problem = Alerts(on=()), _("Nothing is sent before 'tarot-tui alerts test' was run once.")
    if problem:
        with suppress(OSError):
            files.append_event(folder, "alerts_off", reason=problem)
    return Alarms(folder, alerts)


def is_trusted(alerts: Alerts) -> bool:
    """Whether this user has agreed to where ``alerts`` go: a project from a stranger must start no program of his."""
    try:
        return _target(alerts) in _trusted_file().read_text("utf-8").split()
    except OSError:
        return False


def trust(alerts: Alerts) -> None:
    """Remember that this user knows where ``alerts`` go. Raises OSError."""
    if not is_trusted(alerts):
        path = _trusted_file()
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a", encoding="utf-8") as file:
            file.write(_target(alerts) + "\n")


def _trusted_file() -> Path:
    """Of the user and not of the project, in ``$XDG_CONFIG_HOME/tarot-tui``: hashes, one a line."""
    return (
        Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "tarot-tui" / "trusted-alerts"
    )


def _target(alerts: Alerts) -> str:
    import hashlib

    where = json.dumps([alerts.command, alerts.ntfy, alerts.webhook])
    return hashlib.sha256(where.encode()).hexdigest()


def send(alerts: Alerts, alert: Alert) -> None:
    """Let a process of its own send ``alert``; never waits, and never raises: what cannot be sent is lost."""
    request = json.dumps({"alerts": asdict(alerts), "alert": asdict(alert)})
    try:
        sender = subprocess.Popen(
            [sys.executable, "-P", "-m", "tarot_tui.jobs.alert_sender"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        # Less than a pipe holds: written at once, whatever the sender does.
        sender.stdin.write(request.encode())
        sender.stdin.close()
    except OSError:
        return


def _checked(place: str, key: str, value: Any) -> Any:
    if key == "on":
        return _kinds(place, value)
    if key == "command":
        if (
            not isinstance(value, list)
            or not value
            or not all(isinstance(word, str) and word for word in value)
        ):
            raise BadInput(
                _("{place}: write the program and its words as a list: [notify-send, tarot].").format(
                    place=place
                )
            )
        return tuple(value)
    if key in ("ntfy", "webhook"):
        if not isinstance(value, str) or not value.startswith(("https://", "http://")):
            raise BadInput(_("{place}: it must be a URL that begins with https://.").format(place=place))
        return value
    if key == "bell":
        if not isinstance(value, bool):
            raise BadInput(_("{place}: it must be true or false.").format(place=place))
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e9:
        raise BadInput(_("{place}: it must be a number above 0.").format(place=place))
    return float(value)


def _kinds(place: str, value: Any) -> tuple[str, ...]:
    kinds = value if isinstance(value, list) else [value]
    for kind in kinds:
        if kind not in KINDS:
            raise BadInput(
                _("{place}: there is no '{kind}': did you mean {near}?").format(
                    place=place, kind=one_line(str(kind), 40), near=_nearest(kind, KINDS)
                )
            )
    return tuple(kinds)


def _nearest(word: Any, known: Sequence[str]) -> str:
    from difflib import get_close_matches

    return (get_close_matches(str(word), known, 1) or [", ".join(known)])[0]

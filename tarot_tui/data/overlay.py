"""Changes to samples, kept beside the data file: ``data/<name>.edits.jsonl``.

The data file is never written to. One line is one change to one sample, oldest first::

    {"change": 3, "sample": "9f2c…", "number": 17, "stamp": "104857-17…", "do": "drop", "why": "", "time": "…"}
    {"change": 4, "sample": "07aa…", "number": 20, "stamp": "104857-17…", "do": "edit", "to": {…}, "why": "", …}

``sample`` is the hash of what the sample was in the file, so that a change finds its sample again after a rebuild has
moved it. ``number`` (1 is the first) and ``stamp`` (size and time of the data file) say where it was when the line
was written: while the stamp is right, nothing has to be hashed. Of equal samples it does not matter which one is
changed, only how many. A negative number is that of a sample which is no longer in the file.

Lines of one ``change`` are undone together. A later line about a sample replaces earlier ones; ``keep`` only does that.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from tarot_tui.errors import BadInput
from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.project import Project, safe_name, write_text

Raw = dict[str, Any]
Do = Literal["drop", "edit", "keep"]


@dataclass(frozen=True)
class Change:
    """One line. to: the sample as it is to be, in the data file's own form (only of an edit). why: a finding's id."""

    change: int
    sample: str
    number: int
    stamp: str
    do: Do
    to: Raw | None = None
    why: str = ""
    time: str = ""


@dataclass(frozen=True)
class Wish:
    """A change that is not written yet, of sample ``number``, which is ``raw`` in the file (whatever it is by now)."""

    number: int
    raw: Raw
    do: Do
    to: Raw | None = None


def path_of(project: Project, name: str) -> Path:
    """Where the changes to the dataset ``name`` are kept."""
    return project.data / f"{_storable(name)}.edits.jsonl"


def _storable(name: str) -> str:
    """``name`` as a file's name: registries of other people hold blanks, slashes and worse, which are escaped."""
    try:
        return safe_name(name, _("dataset"))
    except BadInput:
        return quote(name, safe="")


def key_of(raw: Mapping[str, Any]) -> str:
    """What a sample is known again by: a hash of its keys and values. Empty ones do not count, nor does order."""
    said = {key: value for key, value in raw.items() if value not in (None, "", [], {})}
    text = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def stamp_of(file: Path) -> str:
    """Size and time of a data file: as long as they stay, so do the numbers of its samples."""
    found = file.stat()
    return f"{found.st_size}-{found.st_mtime_ns}"


def changes(project: Project, name: str) -> list[Change]:
    """The changes in force, one a sample, oldest first. Raises BadInput with the line for what is no change."""
    return [change for change in _latest(path_of(project, name)) if change.do != "keep"]


def _latest(path: Path) -> list[Change]:
    latest: dict[tuple[str, int], Change] = {}
    for change in _lines(path):
        latest.pop((change.sample, change.number), None)
        latest[change.sample, change.number] = change
    return list(latest.values())


def apply(project: Project, name: str, file: Path, raws: Iterable[Raw]) -> Iterator[tuple[int, Raw]]:
    """The samples of ``file`` with their numbers there, as the changes to ``name`` leave them; dropped ones are left out."""
    found = changes(project, name)
    if not found:
        return enumerate(raws, 1)
    return _changed(_Plan(found, stamp_of(file)), raws)


def _changed(plan: _Plan, raws: Iterable[Raw]) -> Iterator[tuple[int, Raw]]:
    for number, raw in enumerate(raws, 1):
        change = plan.take(number, raw)
        if change is None:
            yield number, raw
        elif change.to is not None:
            yield number, change.to


class _Plan:
    """Which change meets which sample, while the samples go by in order."""

    def __init__(self, found: Iterable[Change], stamp: str) -> None:
        self.placed: dict[int, Change] = {}
        self.moved: defaultdict[str, deque[Change]] = defaultdict(deque)
        for change in sorted(found, key=lambda change: abs(change.number)):
            if change.stamp != stamp:
                self.moved[change.sample].append(change)
            elif change.number > 0:
                self.placed[change.number] = change

    def take(self, number: int, raw: Raw) -> Change | None:
        """The change of this sample; each is handed out once."""
        if change := self.placed.pop(number, None):
            # A file that changed and kept its size and time is rare, and so is this one hash.
            if change.sample == key_of(raw):
                return change
            self.moved[change.sample].append(change)
        if not self.moved:
            return None
        waiting = self.moved.get(key_of(raw))
        return waiting.popleft() if waiting else None


@dataclass(frozen=True)
class Settled:
    """by_number: the change of each changed sample, by its number now. vanished: changes whose sample is gone."""

    by_number: dict[int, Change]
    vanished: list[Change]


def settle(project: Project, name: str, file: Path) -> Settled:
    """Find the samples of all changes in ``file`` as it is now, and write their numbers down.

    Reads the file only if it changed since. A change whose sample is gone is kept, for the rebuild that brings the
    sample back, and reported. To be called after a build.
    """
    found = changes(project, name)
    if not found:
        return Settled({}, [])
    stamp = stamp_of(file)
    if any(change.stamp != stamp for change in found):
        _find_again(project, name, file, stamp)
        found = changes(project, name)
    return Settled(
        {change.number: change for change in found if change.number > 0},
        [change for change in found if change.number <= 0],
    )


def findings(settled: Settled) -> list[Finding]:
    """What is to be said after a build: changes that were kept, and those whose sample is gone."""
    found = []
    if settled.by_number:
        text = _("{count} edits and drops of samples still hold; 'data undo' takes the latest back.")
        found.append(Finding("data.kept", "info", text.format(count=len(settled.by_number))))
    if settled.vanished:
        text = _("{count} changes belong to samples that are no longer in the file; they wait for them.")
        numbers = ", ".join(str(-change.number) for change in settled.vanished[:8])
        found.append(Finding("data.vanished", "warning", text.format(count=len(settled.vanished)), numbers))
    return found


def _find_again(project: Project, name: str, file: Path, stamp: str) -> None:
    from tarot_tui.data.samples import read

    with _locked(project, name):
        path = path_of(project, name)
        plan = _Plan(_latest(path), stamp)
        now = {
            (change.sample, change.number): number
            for number, raw in enumerate(read(file), 1)
            if (change := plan.take(number, raw)) is not None
        }
        _rewrite(
            path,
            [
                replace(one, stamp=stamp, number=now.get((one.sample, one.number), -abs(one.number)))
                for one in _lines(path)
            ],
        )


def add(project: Project, name: str, file: Path, wishes: Sequence[Wish], why: str = "") -> int:
    """Write ``wishes`` down as one change, to be undone together; returns its number. ``why``: a finding's id."""
    path = path_of(project, name)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with _locked(project, name):
        change = max((one.change for one in _lines(path)), default=0) + 1
        stamp = stamp_of(file)
        new = [
            Change(change, key_of(wish.raw), wish.number, stamp, wish.do, wish.to, why, now)
            for wish in wishes
        ]
        before = path.read_text("utf-8") if path.exists() else ""
        write_text(path, before + "".join(map(_line, new)))
    return change


def undo(project: Project, name: str) -> list[Change]:
    """Take the latest change back; returns its lines, none when there is nothing to undo."""
    path = path_of(project, name)
    with _locked(project, name):
        every = list(_lines(path))
        last = max((change.change for change in every), default=0)
        if last:
            _rewrite(path, [change for change in every if change.change != last])
    return [change for change in every if change.change == last]


def _lines(path: Path) -> Iterator[Change]:
    try:
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield _change(path, number, line)
    except FileNotFoundError:
        return
    except UnicodeDecodeError:
        raise BadInput(_("{file} is not UTF-8 text: save it as UTF-8.").format(file=path)) from None


def _change(path: Path, number: int, line: str) -> Change:
    try:
        change = Change(**json.loads(line))
    except (ValueError, TypeError, RecursionError):
        change = None
    sound = (
        change is not None
        and isinstance(change.change, int)
        and isinstance(change.number, int)
        and isinstance(change.sample, str)
        and (change.do in ("drop", "keep") or (change.do == "edit" and isinstance(change.to, dict)))
    )
    if not sound:
        raise BadInput(
            _("{file}, line {line}: not a change to a sample; mend the line or remove it.").format(
                file=path, line=number
            )
        )
    return change if change.do == "edit" else replace(change, to=None)


def _line(change: Change) -> str:
    said = {key: value for key, value in asdict(change).items() if not (key == "to" and value is None)}
    line = json.dumps(said, ensure_ascii=False)
    # Half a surrogate pair is legal in JSON, as an escape, and nowhere in UTF-8.
    return (line if line.isprintable() else json.dumps(said)) + "\n"


def _rewrite(path: Path, found: Sequence[Change]) -> None:
    if found:
        write_text(path, "".join(map(_line, found)))
    else:
        path.unlink(missing_ok=True)


@contextmanager
def _locked(project: Project, name: str) -> Iterator[None]:
    project.state.mkdir(exist_ok=True)
    with open(project.state / f"{_storable(name)}.edits.lock", "w") as lock:
        # As with the registry: a file system without locks still gets whole files.
        with suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield

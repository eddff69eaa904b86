"""All checks of this machine, side by side, each probe in a child process that may take only so long."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tarot_tui.doctor.known import sharpen
from tarot_tui.doctor.probes import PROBES, Check, Probe
from tarot_tui.findings import Finding
from tarot_tui.locale import _, language
from tarot_tui.project import worker_python
from tarot_tui.text import one_line, plain

OnFinding = Callable[[Finding], None]

#: Seconds that a process may take to be gone when it is as good as gone, also on a busy machine.
_GOING = 5.0


def run(
    on_finding: OnFinding | None = None,
    *,
    folder: Path | None = None,
    probes: Sequence[Probe] = PROBES,
    command: Sequence[str] = (),
) -> list[Finding]:
    """Check this machine and return what was found, in the order in which it was found.

    on_finding is told each finding as soon as it is known, in this thread. folder: where disk space matters
    (default: the working directory). command: what runs a probe, its name follows (default: the Python that does
    the work). Blocks for as long as the
    slowest probe, at most for its limit; leaves no process behind, whatever happens.
    """
    command = command or (worker_python(), "-P", "-m", "tarot_tui.doctor.child")
    found: list[Finding] = []
    children: list[_Child] = []
    try:
        for probe in probes:
            children.append(_Child(probe, command, folder))
        for finding in map(_sharpened, _findings(children)):
            found.append(finding)
            if on_finding:
                on_finding(finding)
    finally:
        for child in children:
            child.kill()
    return found


def _sharpened(finding: Finding) -> Finding:
    # Only where a library's own words are the evidence: the other findings know their fix.
    broken = (".failed", ".crashed", ".stuck", ".broken", ".cuda_fails", ".import")
    return sharpen(finding) if finding.id.endswith(broken) else finding


def _findings(children: list[_Child]) -> Iterator[Finding]:
    with selectors.DefaultSelector() as selector:
        for child in children:
            selector.register(child.stdout, selectors.EVENT_READ, child)
        while keys := list(selector.get_map().values()):
            wait = min(key.data.deadline for key in keys) - time.monotonic()
            ready = {key.data for key, _events in selector.select(max(0.0, wait))}
            for child in [key.data for key in keys]:
                if child in ready:
                    yield from child.read()
                # Whoever has answered in time is heard, however late we come to listen.
                limit = child.deadline + (_GOING if child in ready else 0.0)
                late = not child.ended and time.monotonic() >= limit
                if child.ended or late:
                    selector.unregister(child.stdout)
                    yield from child.end(late)


class _Child:
    """A probe's process, what it has said, and what its death means."""

    def __init__(self, probe: Probe, command: Sequence[str], folder: Path | None) -> None:
        self.probe = probe
        self.ended = False
        self.deadline = time.monotonic() + probe.seconds
        self._doing: Check = probe.checks[0]
        self._rest = b""
        # A file, not a pipe: nobody has to read it while the child runs.
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the child
        self._process = subprocess.Popen(
            [*command, probe.name],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            cwd=folder,
            env=os.environ | {"TAROT_TUI_LANG": language(), "PYTHONIOENCODING": "utf-8"},
            start_new_session=True,
        )
        assert self._process.stdout
        self.stdout = self._process.stdout

    def read(self) -> Iterator[Finding]:
        """The findings among what the child has written since the last call."""
        piece = os.read(self.stdout.fileno(), 1 << 16)
        self.ended = not piece
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            yield from self._understand(line)

    def _understand(self, line: bytes) -> Iterator[Finding]:
        try:
            said: dict[str, Any] = json.loads(line)
        except ValueError:
            return
        if "check" in said:
            self._doing = next(check for check in self.probe.checks if check.name == said["check"])
        else:
            yield Finding(**{key: plain(value) for key, value in said.items()})

    def end(self, late: bool) -> Iterator[Finding]:
        """Wait for the child (or kill it, when it is late), and say what was wrong with its end, if anything."""
        code = None
        if not late:
            # It has closed its output, so it is about to be gone.
            with suppress(subprocess.TimeoutExpired):
                code = self._process.wait(_GOING)
        self.kill()
        if code is None:
            yield self._stuck()
        elif code:
            yield self._crashed(code)
        self._stderr.close()

    def kill(self) -> None:
        """End the child and what it started; nothing happens when it is gone."""
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            # Inside a driver that hangs even SIGKILL has to wait; we do not.
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_GOING)
        self.stdout.close()

    @property
    def _severity(self) -> Any:
        return "error" if self._doing.required else "warning"

    def _stuck(self) -> Finding:
        return Finding(
            f"{self._doing.name}.stuck",
            self._severity,
            _("The check of {name} gave no answer in {seconds:g} seconds and was ended.").format(
                name=self._doing.name, seconds=self.probe.seconds
            ),
            evidence=self._last_words(),
        )

    def _crashed(self, code: int) -> Finding:
        return Finding(
            f"{self._doing.name}.crashed",
            self._severity,
            _("The check of {name} crashed with {how}: what it uses is broken on this machine.").format(
                name=self._doing.name, how=_how(code)
            ),
            evidence=self._last_words(),
        )

    def _last_words(self) -> str:
        self._stderr.seek(0)
        lines = self._stderr.read()[-4000:].decode("utf-8", "replace").strip().splitlines()
        return one_line(lines[-1], 300) if lines else ""


def _how(code: int) -> str:
    if code > 0:
        return _("exit code {code}").format(code=code)
    try:
        return signal.Signals(-code).name
    except ValueError:
        return _("signal {number}").format(number=-code)

"""Sends one alert everywhere it should go, and ends: ``python -m tarot_tui.jobs.alert_sender`` with the request on stdin.

What went wrong is kept among the run's events, without the address, which may itself be a secret.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tarot_tui.jobs import files
from tarot_tui.jobs.alerts import Alert, Alerts
from tarot_tui.text import one_line

_SECONDS = 20.0


def deliver(alerts: Alerts, alert: Alert) -> dict[str, str]:
    """Send ``alert`` to everything that is configured; by channel why it failed, empty for one that got it."""
    channels = {"command": _run, "ntfy": _ntfy, "webhook": _webhook}
    outcome = {}
    for name, channel in channels.items():
        target = getattr(alerts, name)
        if target:
            try:
                outcome[name] = channel(target, alert)
            except (
                Exception
            ) as error:  # whatever a server, a proxy or a program does, the others are still told
                outcome[name] = type(error).__name__
    return outcome


def _run(command: tuple[str, ...], alert: Alert) -> str:
    values = {key: "" if value is None else str(value) for key, value in vars(alert).items()}
    environment = {f"TAROT_ALERT_{key.upper()}": value for key, value in values.items()}
    done = subprocess.run(
        list(command),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_SECONDS,
        env=os.environ | environment,
    )
    return f"exit code {done.returncode}" if done.returncode else ""


def _ntfy(url: str, alert: Alert) -> str:
    # As JSON to the server itself (docs.ntfy.sh/publish): a header could not hold every letter.
    server, _slash, topic = url.rstrip("/").rpartition("/")
    bad = alert.kind in ("failed", "nan", "stalled", "disk")
    body = {"topic": topic, "title": "tarot-tui", "message": alert.text, "priority": 4 if bad else 3,
            "tags": ["warning" if bad else "white_check_mark"]}  # fmt: skip
    return _post(server, body)


def _webhook(url: str, alert: Alert) -> str:
    # ``text`` is what Slack and Mattermost show, ``content`` what Discord does.
    return _post(url, {**vars(alert), "content": alert.text})


def _post(url: str, body: dict[str, Any]) -> str:
    import httpx

    answer = httpx.post(url, json=body, timeout=_SECONDS)
    return "" if answer.is_success else f"HTTP {answer.status_code}"


def main() -> int:
    """Send what standard input says; the exit code is 1 when something did not get it."""
    request = json.loads(sys.stdin.read())
    alert = Alert(**request["alert"])
    outcome = deliver(Alerts(**request["alerts"]), alert)
    for channel, problem in outcome.items():
        with suppress(OSError):
            files.append_event(
                Path(alert.folder), "alert", alert=alert.kind, channel=channel, problem=one_line(problem)
            )
    return 1 if any(outcome.values()) else 0


def address(url: str) -> str:
    """A URL as it may be shown: the server, without path and password."""
    return urlsplit(url).hostname or "?"


if __name__ == "__main__":
    sys.exit(main())

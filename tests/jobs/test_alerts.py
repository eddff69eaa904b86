"""What is told of a run while nobody looks: through a program, a webhook and ntfy, each thing once, and masked."""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tarot_tui.cli import main
from tarot_tui.errors import BadInput
from tarot_tui.jobs import alerts
from tarot_tui.jobs.alerts import Alarms, Alerts
from tarot_tui.jobs.status import Status

TELL = "import json, os; open('../told.jsonl', 'a').write(json.dumps({k: v for k, v in os.environ.items() if 'ALERT' in k}) + '\\n')"


@pytest.fixture
def server():
    """A server that keeps what is posted; ``/bad`` answers 500."""
    posted: list[tuple[str, dict]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            posted.append((self.path, json.loads(body)))
            self.send_response(500 if self.path == "/bad" else 200)
            self.end_headers()

        def log_message(self, *_words):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}", posted
        listening.shutdown()


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A configuration folder of the test's own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def settings(project):
    """Writes the project's ``alerts:``, which the user knows of unless told otherwise."""

    def write(known: bool = True, **values) -> None:
        text = json.dumps({"version": 1, "alerts": values})  # JSON is YAML
        (project.root / "tarot.yaml").write_text(text)
        if known:
            alerts.trust(alerts.read(project))

    return write


@pytest.fixture
def told(monkeypatch):
    """What would be sent, in place of sending it."""
    sent: list[alerts.Alert] = []
    monkeypatch.setattr(alerts, "send", lambda _alerts, alert: sent.append(alert))
    return sent


@pytest.fixture
def clock(monkeypatch):
    """A monotonic clock that the test moves."""
    now = [1000.0]
    monkeypatch.setattr(alerts.time, "monotonic", lambda: now[0])
    return now


def test_a_run_that_ends_is_told_everywhere(settings, server, started, ended, project, wait_until):
    url, posted = server
    settings(command=[sys.executable, "-c", TELL], webhook=f"{url}/hook", ntfy=f"{url}/topic")
    secret = "hf_" + "a" * 30
    folder = started(f"print('x'); raise RuntimeError('no access with {secret} 牌')")
    assert ended(folder).state == "failed"
    wait_until(lambda: len(posted) == 2 and (folder / "events.jsonl").read_text().count('"alert"') >= 3)
    hook = next(body for path, body in posted if path == "/hook")
    ntfy = next(body for path, body in posted if path == "/")
    assert hook["kind"] == "failed" and hook["run"] == folder.name and hook["text"] == hook["content"]
    assert "RuntimeError" in hook["text"] and "牌" in hook["text"]
    assert ntfy["topic"] == "topic" and ntfy["message"] == hook["text"] and ntfy["priority"] == 4
    (line,) = (folder.parent / "told.jsonl").read_text().splitlines()
    assert json.loads(line)["TAROT_ALERT_KIND"] == "failed"
    assert "aaaa" not in line + json.dumps(posted)


def test_a_finished_run_is_told_too_and_nothing_without_settings(
    settings, server, started, ended, project, wait_until
):
    url, posted = server
    quiet = started("from tarot_tui.jobs import worker; worker.result('finished')")
    ended(quiet)
    settings(webhook=f"{url}/hook", on="finished")
    ended(started("raise SystemExit(1)"))
    folder = started("from tarot_tui.jobs import worker; worker.result('finished')")
    ended(folder)
    wait_until(lambda: posted)
    assert [(body["kind"], body["run"]) for _path, body in posted] == [("finished", folder.name)]


def test_a_wrong_setting_ends_no_run(settings, started, ended):
    settings(known=False, web_hook="x")
    folder = started("from tarot_tui.jobs import worker; worker.result('finished')")
    assert ended(folder).state == "finished"
    assert "did you mean webhook" in (folder / "events.jsonl").read_text()


def test_a_project_from_a_stranger_starts_no_program_before_its_user_has(
    settings, started, ended, project, capsys
):
    settings(known=False, command=[sys.executable, "-c", TELL.replace("../", f"{project.jobs}/")])
    finish = "from tarot_tui.jobs import worker; worker.result('finished')"
    folder = started(finish)
    ended(folder)
    assert "alerts_off" in (folder / "events.jsonl").read_text()
    assert main(["alerts", "--project", str(project.root)]) == 0
    assert "Nothing is sent yet" in capsys.readouterr().out
    assert not (project.jobs / "told.jsonl").exists()
    assert main(["alerts", "test", "--project", str(project.root)]) == 0
    assert (project.jobs / "told.jsonl").read_text().count("\n") == 1
    folder = started(finish)
    ended(folder)
    assert "alerts_off" not in (folder / "events.jsonl").read_text()


def test_a_stall_is_told_once_and_again_after_the_next(told, clock, tmp_path):
    alarms = Alarms(tmp_path / "run", Alerts(webhook="https://x", stalled_after=10))
    for step in range(20):
        clock[0] += 30
        alarms.look(Status(state="running", step=step), None)
    clock[0] += 290
    alarms.look(Status(state="running", step=19), None)
    assert not told
    for _second in range(5):
        clock[0] += 20
        alarms.look(Status(state="running", step=19), None)
    assert [alert.kind for alert in told] == ["stalled"]
    assert "No step for 5 min 10 s; one takes 30 s as a rule." in told[0].text
    clock[0] += 1
    alarms.look(Status(state="running", step=20), None)
    clock[0] += 400
    alarms.look(Status(state="stopping", step=20), None)
    assert len(told) == 1
    alarms.look(Status(state="running", step=20), None)
    assert len(told) == 2


def test_quick_steps_do_not_make_a_pause_a_stall(told, clock, tmp_path):
    alarms = Alarms(tmp_path / "run", Alerts(webhook="https://x"))
    for step in range(20):
        clock[0] += 0.1
        alarms.look(Status(state="running", step=step), None)
    clock[0] += 50
    alarms.look(Status(state="running", step=19), None)
    assert not told


def test_a_disk_that_gets_full_is_told_once_until_there_is_room_again(told, tmp_path):
    alarms = Alarms(tmp_path / "run", Alerts(webhook="https://x", disk_below=2))
    for free in (9e9, 1.5e9, 1.4e9, 3e9, 1.4e9, 5e9, 1e9):
        alarms.look(Status(state="running"), int(free))
    assert [alert.text for alert in told] == [
        "run: Only 1.5 GB are left on the disk.",
        "run: Only 1.0 GB are left on the disk.",
    ]


@pytest.mark.parametrize(
    ("on", "kind"),
    [(("nan", "failed"), "nan"), (("failed",), "failed"), (("nan",), "nan"), (("finished",), None)],
)
def test_a_loss_that_is_no_number_has_a_kind_of_its_own(told, tmp_path, on, kind):
    Alarms(tmp_path / "run", Alerts(on=on, webhook="https://x")).ended(Status(state="failed", cause="nan"))
    assert [alert.kind for alert in told] == ([kind] if kind else [])


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"web_hook": "https://x"}, "webhook"),
        ({"on": ["finishd"]}, "finished"),
        ({"command": "notify-send x"}, "list"),
        ({"ntfy": "ntfy.sh/x"}, "https://"),
        ({"stalled_after": 0}, "above 0"),
        ({"bell": "yes"}, "true or false"),
    ],
)
def test_a_wrong_setting_names_the_right_one(settings, project, values, word):
    settings(known=False, **values)
    with pytest.raises(BadInput, match=word):
        alerts.read(project)


def test_the_command_shows_no_secret_address_and_sends_a_test(settings, server, project, capsys):
    url, posted = server
    settings(webhook=f"{url}/s3cret")
    assert main(["alerts", "--project", str(project.root)]) == 0
    shown = capsys.readouterr().out
    assert "webhook: 127.0.0.1" in shown and "s3cret" not in shown
    assert main(["alerts", "test", "--project", str(project.root), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"webhook": ""} and posted[0][1]["kind"] == "test"
    settings(webhook=f"{url}/bad", command=["/no/such/program"])
    assert main(["alerts", "test", "--project", str(project.root), "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {"command": "FileNotFoundError", "webhook": "HTTP 500"}

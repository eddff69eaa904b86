"""The checks' processes: what they say arrives, and no way of dying hurts."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tarot_tui.doctor.child import answers
from tarot_tui.doctor.probes import Check, Probe
from tarot_tui.doctor.run import run

FOUND = '{"id": "a.fine", "severity": "ok", "text": "Fine.", "evidence": "", "fix": ""}'


def child(code: str) -> tuple[str, ...]:
    """The command of a probe that first says which check it does and one finding, then runs ``code``."""
    first = f"import os, sys, time\nprint('''{{\"check\": \"b\"}}\\n{FOUND}''', flush=True)\n"
    return (sys.executable, "-c", first + code)


def probe(seconds: float = 120, required: bool = False) -> Probe:
    return Probe((Check("a", "?"), Check("b", "?", required)), seconds)


def wait_for(folder: Path, count: int) -> str:
    """Code that waits until ``count`` files are in ``folder``."""
    return f"while len(os.listdir({str(folder)!r})) < {count}: time.sleep(0.02)\n"


def is_gone(pid: int) -> bool:
    """Whether process ``pid`` ends within a minute, long before it would by itself."""
    for _attempt in range(3000):
        try:
            # One that is no child of ours may wait to be buried by whoever adopts it.
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False


def test_findings_arrive_before_the_probe_ends(tmp_path):
    # The child ends only after its finding has been heard.
    found = run(
        lambda finding: (tmp_path / finding.id).touch(),
        probes=[probe()],
        command=child(wait_for(tmp_path, 1)),
    )
    assert [finding.id for finding in found] == ["a.fine"]


def test_probes_run_side_by_side(tmp_path):
    # Each child ends only when all have begun.
    code = f"open(os.path.join({str(tmp_path)!r}, str(os.getpid())), 'w')\n" + wait_for(tmp_path, 4)
    found = run(probes=[probe() for _ in range(4)], command=child(code))
    assert [finding.id for finding in found] == ["a.fine"] * 4


def test_a_stuck_check_is_named_and_ended_with_what_it_started(tmp_path):
    code = (
        "import subprocess\n"
        "inner = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(tmp_path / 'pids')!r}, 'w').write(f'{{os.getpid()}} {{inner.pid}}')\n"
        "time.sleep(600)"
    )
    # Time enough to come up on a busy machine.
    found = run(probes=[probe(8, required=True)], command=child(code))
    assert [(finding.id, finding.severity) for finding in found] == [("a.fine", "ok"), ("b.stuck", "error")]
    for pid in map(int, (tmp_path / "pids").read_text().split()):
        assert is_gone(pid)


def test_a_crashing_check_is_one_finding_and_its_last_words_are_kept():
    code = "sys.stderr.write('\\x1b[31mno kernel image\\n'); sys.stderr.flush(); os.abort()"
    fine, crash = run(probes=[probe()], command=child(code))
    assert (fine.id, crash.id, crash.severity) == ("a.fine", "b.crashed", "warning")
    assert "SIGABRT" in crash.text
    assert crash.evidence == "no kernel image"


def test_a_check_that_exits_with_a_code_is_a_finding():
    (_, crash) = run(probes=[probe(required=True)], command=child("sys.exit(3)"))
    assert (crash.id, crash.severity) == ("b.crashed", "error")
    assert "3" in crash.text


def test_a_child_that_closes_its_output_and_hangs_does_not_hold_the_rest_up():
    found = run(probes=[probe(60)], command=child("os.close(1); time.sleep(60)"))
    assert [finding.id for finding in found] == ["a.fine", "b.stuck"]


def test_a_child_gets_no_standard_input_of_ours():
    code = "print(sys.stdin.read(), file=sys.stderr); sys.exit(0 if os.stat(0).st_rdev else 1)"
    assert [finding.id for finding in run(probes=[probe()], command=child(code))] == ["a.fine"]


def test_when_the_listener_fails_no_child_is_left(tmp_path):
    file = tmp_path / "pid"

    def listener(_finding):
        while not (file.exists() and file.read_text()):
            time.sleep(0.02)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(
            listener,
            probes=[probe()],
            command=child(f"open({str(file)!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)"),
        )
    assert not psutil.pid_exists(int(file.read_text()))


def test_a_check_that_raises_is_a_finding():
    (finding,) = answers(Check("broken", "no_such_module:check", required=True))
    assert (finding.id, finding.severity) == ("broken.failed", "error")
    assert "ModuleNotFoundError" in finding.text


def test_what_a_library_prints_does_not_reach_the_findings():
    code = (
        "import os\nfrom tarot_tui.doctor import child, machine\n"
        "def noisy():\n    print('noise'); os.system('echo more noise')\n    return iter(())\n"
        "machine.python = noisy\nchild.main('python')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ)
    assert "noise" not in done.stdout and "more noise" in done.stderr
    assert '{"check": "machine"}' in done.stdout


def test_the_caller_stays_light():
    code = "import sys, tarot_tui.doctor.run\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for heavy in ("torch", "transformers", "bitsandbytes", "httpx", "huggingface_hub", "pynvml", "packaging"):
        assert heavy not in loaded.split()

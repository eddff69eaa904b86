"""The README's screenshots: ``python .github/screenshots.py`` draws them anew, from the example and a made-up run."""

from __future__ import annotations

import asyncio
import html
import json
import math
import os
import re
import sys
import tempfile
import time
import types
from pathlib import Path

from rich.cells import cell_len

from tarot_tui.findings import Finding
from tarot_tui.jobs import files, identity, spec
from tarot_tui.locale import speak
from tarot_tui.project import Project, create
from tarot_tui.tui.app import WizardApp

HERE = Path(__file__).parent
STEPS = 400
GIB = 1 << 30

#: file → theme, language, size, the keys that lead to it, a text that is there when all is.
SHOTS = {
    "wizard": ("night", "en", (110, 32), "2", "Reckless haste"),
    "watch": ("night", "en", (110, 32), "4", "step 312 of 400"),
    "zh": ("parchment", "zh_TW", (110, 32), "2", "魯莽"),
}


def made_up_run(project: Project) -> None:
    """A run in the middle of its work, as its supervisor would have left it."""
    folder = spec.create(project, "train", "tarot-en", ["true"], {}, title="tarot-en")
    folder = folder.rename(folder.with_name("20261124-210000-tarot-en"))
    now, me = time.time(), identity.of(os.getpid()).as_dict()
    done = 312
    files.write_json(
        folder / files.STATUS,
        {
            "state": "running",
            "step": done,
            "total": STEPS,
            "attempt": 1,
            "started": now - 940,
            "heartbeat": now,
        }
        | {"supervisor": me, "worker": me},
    )
    rows = []
    for step in range(1, done + 1):
        noise = 0.16 * math.sin(step * 1.7) * math.cos(step * 0.61)
        row = {"current_steps": step, "total_steps": STEPS, "loss": 0.35 + 2.6 * math.exp(-step / 75) + noise}
        row |= {
            "lr": 2e-4 * (1 + math.cos(math.pi * step / STEPS)) / 2,
            "epoch": step / 50,
            "grad_norm": 1.1 + noise,
        }
        row |= {"throughput": 3120.0, "time": now - 3 * (done - step)}
        rows.append(row | ({"eval_loss": 0.5 + 2.4 * math.exp(-step / 80)} if step % 50 == 0 else {}))
    (folder / files.METRICS).write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    log = [f"step {step}/{STEPS}  loss {rows[step - 1]['loss']:.3f}\n" for step in range(done - 20, done + 1)]
    (folder / files.LOG).write_text("".join(log), "utf-8")
    gpus = [
        {"index": n, "name": "NVIDIA GeForce RTX 4090", "util": 97 - n, "mem_used": (17 + n) * GIB}
        | {"mem_total": 24 * GIB, "temp": 66 + n, "power": 388.0 - 9 * n}
        for n in range(2)
    ]
    samples = [
        {
            "time": now - age,
            "cpu": 21.0,
            "ram_used": 18.2e9,
            "ram_total": 64e9,
            "disk_free": 512e9,
            "rss": 6.1e9,
        }
        | {"gpus": gpus}
        for age in range(60, -1, -1)
    ]
    (folder / files.HARDWARE).write_text("".join(json.dumps(one) + "\n" for one in samples), "utf-8")


def widened(svg: str) -> str:
    """``svg`` with room for wide characters: Rich gives a text as many cells as it has characters, and squeezes it."""

    def wide(found: re.Match[str]) -> str:
        text = html.unescape(found[3])
        length = float(found[2]) / max(len(text), 1) * cell_len(text)
        return f'{found[1]}textLength="{length:.1f}"{found[4]}{found[3]}</text>'

    return re.sub(
        r'(<text [^>]*)textLength="([\d.]+)"(?=[^>]*>([^<]*)</text>)([^>]*>)[^<]*</text>', wide, svg
    )


async def draw(name: str) -> None:
    """One screenshot, as an SVG beside this file."""
    theme, code, size, keys, text = SHOTS[name]
    os.environ["TAROT_TUI_THEME"] = theme
    speak(code)
    with tempfile.TemporaryDirectory() as folder:
        project = create(Path(folder) / "my-model", example=True)
        os.chdir(project.root)
        project.remember("step", "export")
        if name == "watch":
            made_up_run(project)
        app = WizardApp(project)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await pilot.press(*keys.split())
            until = time.monotonic() + 30
            while text not in "\n".join(strip.text for strip in app.screen._compositor.render_strips()):
                if time.monotonic() > until:
                    raise SystemExit(f"{name}: {text!r} never came")
                await pilot.pause(0.1)
            await pilot.pause(2.5 if name == "watch" else 0.5)
            (HERE / f"{name}.svg").write_text(widened(app.export_screenshot(title="tarot-tui")), "utf-8")
        os.chdir(HERE)


def main() -> None:
    """Draw those that are named, or all."""
    with tempfile.TemporaryDirectory() as config:
        os.environ |= {"XDG_CONFIG_HOME": config, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        os.environ.pop("NO_COLOR", None)
        checks = types.SimpleNamespace(run=lambda on_finding: [Finding("python", "ok", "Python 3.11.")])
        sys.modules["tarot_tui.doctor.run"] = checks
        for name in sys.argv[1:] or SHOTS:
            asyncio.run(draw(name))


if __name__ == "__main__":
    main()

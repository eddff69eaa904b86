"""The synthesis job: rows → a language model → answers → a dataset. Reads ``job.yaml`` in ``TAROT_JOB_DIR``.

Every answer is on the disk as soon as it is there, so an attempt after a kill asks for the missing rows only.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tarot_tui.data.synthesis import judge, publish, rows
from tarot_tui.data.synthesis.asking import Asking, Tally
from tarot_tui.data.synthesis.endpoint import Endpoint
from tarot_tui.data.synthesis.request import Request
from tarot_tui.data.synthesis.rows import Item
from tarot_tui.data.synthesis.spending import Spending
from tarot_tui.data.synthesis.store import By, Store
from tarot_tui.errors import BadInput
from tarot_tui.findings import Finding
from tarot_tui.jobs import task, worker
from tarot_tui.locale import _
from tarot_tui.project import Project


def main() -> int:
    """Run the job and return its exit code."""
    worker.stop_on_sigterm()
    return task.main(_run, _("This is the worker of 'tarot-tui data synth': start one with that."))


def _run(folder: Path, asked: dict[str, Any]) -> dict[str, Any]:
    project = Project(folder.parent.parent)
    request = Request.parse(asked, project)
    with Store(project, request.name).alone():
        outcome = run(project, request, folder)
    if outcome is None:
        raise task.Stopped
    return outcome


def run(project: Project, request: Request, folder: Path) -> dict[str, Any] | None:
    """Ask for what is missing and write the dataset; its facts for ``result.json``, or None when stopped meanwhile."""
    key = request.key.read()
    found = rows.read(project, request.sources, request.prompt, request.prompt_file)
    for finding in found.findings:
        worker.finding(**finding.as_dict())
    store = Store(project, request.name)
    store.begin(request.prompt)
    by = By(request.prompt.sha256, request.model, request.url, folder.name)
    known = store.answered(by.prompt_sha256)
    passed = store.given_up(by.job) | known.keys()
    items = rows.chosen(found.items, request.first, request.last)
    failed = store.failed(by.job)
    todo = sorted(
        (item for item in items if item.sha256 not in passed), key=lambda item: item.sha256 in failed
    )
    _say(
        _("{todo} of {count} rows to ask about, with {model} at {url}.").format(
            todo=len(todo), count=len(items), model=request.model, url=request.url
        )
    )
    spending = Spending(folder, request.prices, request.most)
    with Endpoint(request.url, request.model, key, request.limits.timeout) as server:
        asking = Asking(store, request.prompt, by, server, request.limits, spending, _say)
        for answered in known.values():
            asking.remember(answered.pairs)
        whole = _ask(asking, todo, len(items), spending)
    if not whole and not spending.over:
        return None
    if spending.over and not asking.tally.rows and not known:
        raise BadInput(
            _("--max-cost is too low for a single request: raise it, or lower max_tokens in the prompt file.")
        )
    published = publish.publish(project, request.name, request.prompt, request.prompt_file, found)
    _report(asking.tally, spending, store, project)
    _say(
        _("{samples} samples of {rows} rows in {file}.").format(
            samples=published.samples, rows=published.rows, file=project.relative(published.path)
        )
    )
    return {
        "dataset": request.name,
        "path": project.relative(published.path),
        "samples": published.samples,
        "rows": published.rows,
        "set_aside": asking.tally.set_aside,
        "over_budget": spending.over,
        "prompt_tokens": spending.prompt,
        "completion_tokens": spending.completion,
        "tokens_estimated": spending.estimated,
        "cost": spending.cost,
    }


def _ask(asking: Asking, todo: list[Item], count: int, spending: Spending) -> bool:
    before = count - len(todo)

    def look() -> bool:
        done = before + asking.tally.rows + asking.tally.given_up
        worker.progress(done, count, "rows", _spent(spending))
        return worker.stop_requested()

    return asking.run(todo, look)


def _spent(spending: Spending) -> str:
    tokens = _("{prompt} tokens sent, {completion} received").format(
        prompt=spending.prompt, completion=spending.completion
    )
    return tokens if spending.cost is None else f"{tokens}, {spending.cost:.4g}"


def _report(tally: Tally, spending: Spending, store: Store, project: Project) -> None:
    for reason, count in sorted(tally.set_aside.items()):
        text = _("Set aside {count}: {reason}.").format(count=count, reason=_(judge.REASONS[reason]))
        _find(Finding(f"synth.{reason}", "warning", text, evidence=project.relative(store.rejects)))
    if tally.given_up:
        text = _("{count} rows have no answer; the same command asks for them again.")
        _find(Finding("synth.given_up", "warning", text.format(count=tally.given_up)))
    if spending.over:
        text = _("Stopped asking before --max-cost was passed; the same command with a higher one goes on.")
        _find(Finding("synth.over_budget", "warning", text))
    _say(_spent(spending))


def _find(finding: Finding) -> None:
    worker.finding(**finding.as_dict())
    _say(finding.text)


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""``tarot-tui show [RUN]``"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from tarot_tui.cli.output import emit, project_of, say
from tarot_tui.cli.watch import run_help
from tarot_tui.locale import _
from tarot_tui.text import duration, one_line, size

if TYPE_CHECKING:
    from tarot_tui.jobs.snapshot import Snapshot
    from tarot_tui.training.prune import Checkpoint


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's own options."""
    parser.add_argument("run", nargs="?", default="-1", metavar="RUN", help=run_help())


def run(args: Namespace) -> int:
    """Say what the run is. ``--json``: the keys of ``watch --json``, and ``request``, ``versions``, ``retries``, ``checkpoints``,
    and ``answers`` (:mod:`tarot_tui.training.answers`)."""
    from dataclasses import asdict

    from tarot_tui.errors import BadInput
    from tarot_tui.jobs import retry
    from tarot_tui.jobs.find import resolve
    from tarot_tui.jobs.snapshot import snapshot
    from tarot_tui.jobs.spec import read_spec
    from tarot_tui.training.answers import read_answers
    from tarot_tui.training.prune import checkpoints

    project = project_of(args)
    folder = resolve(project, args.run)
    one = snapshot(folder)
    try:
        spec = read_spec(folder)
    except BadInput:
        spec = {}
    saved = checkpoints(folder)
    answers = read_answers(folder)
    changed = retry.taken(folder)
    if args.json:
        made = [{**asdict(point), "path": project.relative(point.path)} for point in saved]
        facts = {key: spec.get(key) or {} for key in ("request", "versions")}
        emit({**one.as_dict(), **facts, "retries": changed, "checkpoints": made, "answers": answers})
    else:
        say(args, *_head(one), *_asked(spec), *_changed(changed), *_checkpoints(saved), *_answers(answers))
    return 0


def _head(one: Snapshot) -> list[str]:
    from tarot_tui.cli.runs import clock, done
    from tarot_tui.jobs.status import named

    lines = [f"{one.name}  {one.title}", f"  {named(one.status)}  {done(one.status)}"]
    if one.status.reason:
        lines.append(f"  {one.status.reason}")
    if one.status.started:
        lines.append("  " + _("started {time}, attempt {count}, {elapsed}").format(
            time=clock(one.status.started), count=one.status.attempt, elapsed=duration(one.elapsed or 0)
        ))  # fmt: skip
    for step in one.steps:
        lines.append(f"  {step.title or step.name}: {step.state}")
    return lines


def _asked(spec: dict[str, Any]) -> list[str]:
    """The recipe where it differs from a recipe's defaults, and by what it was made."""
    from tarot_tui.training.recipe import fields

    request = spec.get("request")
    if not isinstance(request, dict):
        return []
    defaults = {field.name: field.default for field in fields()} if spec.get("kind") == "train" else {}
    shown = {
        key: value
        for key, value in request.items()
        if not isinstance(value, dict) and value not in (None, [], "") and value != defaults.get(key)
    }
    lines = ["", _("asked for:")]
    lines += [f"  {key}: {one_line(_value(value), 100)}" for key, value in shown.items()]
    versions = spec.get("versions") or {}
    return [
        *lines,
        "",
        _("made by:") + " " + ", ".join(f"{name} {found}" for name, found in versions.items()),
    ]


def _changed(changed: list[dict[str, Any]]) -> list[str]:
    """What was tried by itself when it failed, and holds since."""
    from tarot_tui.cli.runs import clock

    if not changed:
        return []
    lines = ["", _("changed since, because memory ran out:")]
    for one in changed:
        keys = ", ".join(f"{key}: {_value(value)}" for key, value in one["changes"].items())
        lines.append(f"  {clock(one['time'])}  {one_line(keys, 100)}")
    return lines


def _checkpoints(saved: list[Checkpoint]) -> list[str]:
    if not saved:
        return []
    words = {
        "": "",
        "last": _("the last complete one"),
        "best": _("the lowest measured loss"),
        "incomplete": _("not complete"),
    }
    return ["", _("checkpoints:")] + [
        f"  {one.path.name}  {size(one.bytes)}  {words[one.kept]}".rstrip() for one in saved
    ]


def _answers(found: dict[str, Any]) -> list[str]:
    """What base and result say; the file may be anybody's, so nothing in it is taken for granted."""
    if not found:
        return []
    held_out = found.get("held_out") is True
    lines = ["", _("asked what was held out:") if held_out else _("asked what was learned:")]
    measured = found.get("perplexity")
    if isinstance(measured, dict):
        lines.append(
            "  " + _("perplexity") + f" {_number(measured.get('base'))} → {_number(measured.get('tuned'))}"
        )
    for one in found["answers"]:
        said = {name: one.get(name) or {} for name in ("base", "tuned")}
        lines += [
            f"  {one_line(str(one['messages'][-1]['content']), 200)}",
            "    "
            + _("{name}: {words}").format(name=_("expected"), words=one_line(str(one.get("expected")), 200)),
            "    "
            + _("{name}: {words}").format(
                name=_("base"), words=one_line(str(said["base"].get("text", "–")), 200)
            ),
            "    "
            + _("{name}: {words}").format(
                name=_("tuned"), words=one_line(str(said["tuned"].get("text", "–")), 200)
            ),
        ]
    return [*lines, f"  {one_line(str(found['left_out']), 300)}"] if found.get("left_out") else lines


def _number(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, int | float) else "–"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)

"""``tarot-tui data synth SRC… -o NAME --prompt FILE --endpoint URL --model M``, or by hand: ``--clipboard-prompt``, ``--paste``"""

from __future__ import annotations

import json
import shlex
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from tarot_tui.cli.asking import agreed
from tarot_tui.cli.data.synth_options import declare, request_of
from tarot_tui.cli.output import emit, findings, project_of, say
from tarot_tui.errors import BadInput
from tarot_tui.findings import Finding
from tarot_tui.locale import _
from tarot_tui.text import one_line, plain

if TYPE_CHECKING:
    from tarot_tui.data.synthesis.launch import Estimate
    from tarot_tui.data.synthesis.request import Request
    from tarot_tui.project import Project


def arguments(parser: ArgumentParser) -> None:
    """Declare the verb's options."""
    declare(parser)


def run(args: Namespace) -> int:
    """Ask, follow the job, and say what came of it. ``--json``: see :mod:`tarot_tui.data.synthesis.launch`, ``paste``
    and the job's ``result.json``."""
    project = project_of(args)
    if args.resume:
        return _resume(args, project)
    request = request_of(args, project)
    if args.clipboard_prompt:
        return _clipboard(args, project, request)
    if args.paste:
        return _paste(args, project, request)
    return _ask(args, project, request)


def _ask(args: Namespace, project: Project, request: Request) -> int:
    from tarot_tui.data.synthesis.launch import estimate, launch

    if not request.url or not request.model:
        raise BadInput(_("Say who writes: --endpoint URL and --model NAME."))
    found = estimate(project, request, anew=args.anew)
    if args.estimate:
        if args.json:
            emit(found.as_dict())
        say(args, *_announcement(found, request), *_example(found))
        return 0
    say(args, *_announcement(found, request))
    if not found.stays_here and found.rows:
        question = _("Send the text of {rows} rows to {url}?").format(rows=found.rows, url=request.url)
        if not agreed(args, question):
            return 0
    typed = _typed_key() if request.key.kind == "typed" else ""
    job = launch(project, request, typed, anew=args.anew, replace=args.replace)
    say(args, _("Asking as {job}; it goes on when this terminal is closed.").format(job=job.name))
    return _follow(args, project, job)


def _resume(args: Namespace, project: Project) -> int:
    from tarot_tui.data.synthesis.launch import KIND, needs_typed_key, resume
    from tarot_tui.jobs.find import resolve

    job = resolve(project, args.resume, KIND)
    resume(job, _typed_key() if needs_typed_key(job) else "")
    say(args, _("{job} goes on: only what is missing is asked for.").format(job=job.name))
    return _follow(args, project, job)


def _follow(args: Namespace, project: Project, job: Path) -> int:
    from tarot_tui.cli.progress import Progress
    from tarot_tui.jobs import files
    from tarot_tui.jobs.follow import closing_words, exit_code, follow

    with Progress(args) as progress:
        ended = follow(job, on_line=lambda line: None, on_status=progress.show)
    result = files.read_json(job / files.RESULT)
    if args.json:
        emit({"job": job.name, "state": ended.state, "reason": ended.reason, **result})
    elif ended.state != "finished":
        say(args, closing_words(job, ended))
        if ended.state == "failed":
            say(args, _("go on: {command}").format(command=f"tarot-tui data synth --resume {job.name}"))
    else:
        _report(args, result, job)
    return ended.exit_code if ended.state == "failed" and ended.exit_code in (2, 3) else exit_code(ended)


def _report(args: Namespace, result: dict, job: Path) -> None:
    say(args, *findings(_found(job)))
    tokens = _("{prompt} tokens sent, {completion} received").format(
        prompt=result["prompt_tokens"], completion=result["completion_tokens"]
    )
    if result["tokens_estimated"]:
        tokens += _(" (partly estimated: the server does not count)")
    if result["cost"] is not None:
        tokens += _("; cost {cost:.4g}").format(cost=result["cost"])
    say(
        args,
        tokens,
        _("{samples} samples of {rows} rows in {file}").format(
            samples=result["samples"], rows=result["rows"], file=result["path"]
        ),
        _next(result["dataset"]),
    )


def _found(job: Path) -> list[Finding]:
    """What came of the asking, each once: an attempt that went on says some of it again. The sources were told before."""
    from tarot_tui.jobs import files

    said = {}
    for line in (job / files.EVENTS).read_text("utf-8", "replace").splitlines():
        event = json.loads(line) if line.startswith("{") and line.endswith("}") else {}
        if event.get("kind") == "finding" and event["id"].startswith("synth."):
            said[event["id"]] = Finding(
                *(event[key] for key in ("id", "severity", "text", "evidence", "fix"))
            )
    return list(said.values())


def _clipboard(args: Namespace, project: Project, request: Request) -> int:
    from tarot_tui.data.synthesis.paste import prepare

    if args.count < 1:
        raise BadInput(_("-n {count}: at least one row is needed.").format(count=args.count))
    prepared = prepare(project, request, args.count)
    if args.copy:
        from tarot_tui.cli.clipboard import copy

        copy(prepared.text)
        say(args, _("Copied, if your terminal lets programs copy; without --copy it is printed."))
    elif args.json:
        emit({"prompt": prepared.text, "rows": prepared.rows, "left": prepared.left})
    else:
        print(plain(prepared.text))
    if not args.json and not args.quiet:
        words = _("{rows} rows, {left} more to come. Paste the answer into: {command}").format(
            rows=prepared.rows, left=prepared.left, command="tarot-tui data synth … --paste -"
        )
        print(words, file=sys.stderr)
    return 0


def _paste(args: Namespace, project: Project, request: Request) -> int:
    from tarot_tui.data.synthesis.judge import REASONS
    from tarot_tui.data.synthesis.paste import take

    taken = take(project, request, _pasted(args), replace=args.replace)
    published = taken.published
    assert published is not None
    if args.json:
        emit(
            {
                "dataset": request.name,
                "path": project.relative(published.path),
                "samples": published.samples,
                **{key: value for key, value in taken.__dict__.items() if key != "published"},
            }
        )
        return 0
    if taken.repaired:
        say(args, _("The JSON was mended."))
    if taken.cut:
        say(args, _("Its end is missing: what was not whole is left out; ask for those rows again."))
    say(args, *(f"{one_line(place)}: {_(REASONS[reason])}" for place, reason in taken.set_aside))
    say(
        args,
        _("{pairs} pairs of {rows} rows taken; {missing} rows are still to be answered.").format(
            pairs=taken.pairs, rows=taken.rows, missing=taken.missing
        ),
        _("{samples} samples of {rows} rows in {file}").format(
            samples=published.samples, rows=published.rows, file=project.relative(published.path)
        ),
        _next(request.name),
    )
    return 0


def _pasted(args: Namespace) -> str:
    if args.paste == "-":
        if sys.stdin.isatty():
            say(args, _("Paste the answer, then press Enter and Ctrl-D:"))
        return sys.stdin.buffer.read().decode("utf-8", "replace")
    from tarot_tui.data.sources.encoding import detect, lines

    path = Path(args.paste)
    try:
        return "".join(lines(path, detect(path)))
    except OSError as error:
        raise BadInput(
            _("{file} cannot be read: {reason}.").format(file=args.paste, reason=error.strerror)
        ) from None


def _announcement(found: Estimate, request: Request) -> list[str]:
    lines = [
        _(
            "{rows} rows to ask about; {answered} answered already, {repeated} like another, {empty} without text."
        ).format(rows=found.rows, answered=found.answered, repeated=found.repeated, empty=found.empty),
        _("About {sent} tokens are sent; at most {most} come back").format(
            sent=found.prompt_tokens, most=found.completion_most
        )
        + (
            "."
            if found.completion_tokens is None
            else _(" (about {count}, going by the answers so far).").format(count=found.completion_tokens)
        ),
    ]
    if found.of_other_prompts:
        text = _(
            "{count} rows are answered to another prompt: they leave the dataset, and stay in data/{name}.synth."
        )
        lines.append(text.format(count=found.of_other_prompts, name=one_line(request.name, 60)))
    if found.cost_most is not None:
        about = "" if found.cost is None else _(", about {cost:.4g}").format(cost=found.cost)
        lines.append(
            _("Cost: at most {most:.4g}{about}; what is asked again adds to it.").format(
                most=found.cost_most, about=about
            )
        )
    elif not found.stays_here:
        lines.append(
            _(
                "What that costs is not known here: --price-in and --price-out take the prices of a million tokens."
            )
        )
    if found.stays_here:
        lines.append(_("Nothing leaves this machine: {url}.").format(url=request.url))
    else:
        lines.append(
            _(
                "This leaves this machine: for each row its text and the prompt's words, to {url} (model {model})."
            ).format(url=request.url, model=one_line(request.model, 80))
        )
    if found.is_open:
        lines.append(_("The connection is not encrypted: others on the way can read the rows and the key."))
    return [*lines, *findings(found.findings)]


def _example(found: Estimate) -> list[str]:
    if not found.example:
        return []
    lines = ["", _("The first request:")]
    for message in found.example:
        lines += [f"[{message['role']}]", message["content"]]
    return lines


def _next(name: str) -> str:
    return _("next: {command}").format(command=f"tarot-tui data show {shlex.quote(name)}")


def _typed_key() -> str:
    import getpass

    if not sys.stdin.isatty():
        raise BadInput(_("A key can only be typed at a terminal: use --key-env or --key-file."))
    return getpass.getpass(_("API key (not shown, not stored): "))

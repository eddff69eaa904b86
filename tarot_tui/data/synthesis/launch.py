"""Ask for a synthesis: say what it will take, make its job and start it. Light enough for a screen to call."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tarot_tui.data.synthesis import key as keys
from tarot_tui.data.synthesis import place, publish, rows
from tarot_tui.data.synthesis.request import Request
from tarot_tui.data.synthesis.store import Store
from tarot_tui.data.synthesis.tokens import of_messages, of_text
from tarot_tui.errors import BadInput
from tarot_tui.findings import Finding
from tarot_tui.jobs.status import Status
from tarot_tui.locale import _
from tarot_tui.project import Project
from tarot_tui.text import one_line

KIND = "synth"
#: Seconds beyond an answer's time-out that a worker has to stop.
_STOP_SECONDS = 60


@dataclass(frozen=True)
class Estimate:
    """What asking will take, before anything is sent.

    rows: to be asked about. answered: already, and kept. of_other_prompts: answered to other prompts only, which leave the
    dataset and stay in the store. repeated, empty: passed over. prompt_tokens: about so many are
    sent. completion_tokens: about so many come back, going by earlier answers; None without any. completion_most: at
    most so many. cost, cost_most: money at the user's prices, None without. stays_here: whether nothing leaves the
    machine. is_open: whether others on the way can read along. example: what is sent for the first row.
    """

    rows: int
    answered: int
    of_other_prompts: int
    repeated: int
    empty: int
    prompt_tokens: int
    completion_tokens: int | None
    completion_most: int
    cost: float | None
    cost_most: float | None
    stays_here: bool
    is_open: bool
    example: list[dict[str, str]]
    findings: list[Finding]

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return self.__dict__ | {"findings": [finding.as_dict() for finding in self.findings]}


def estimate(project: Project, request: Request, *, anew: bool = False) -> Estimate:
    """Read the rows and count; ``anew`` as in :func:`launch`. Raises BadInput for unusable sources and names."""
    publish.check(project, request.name, replace=True)
    items, found = _chosen(project, request)
    store = Store(project, request.name)
    known = store.answered(request.prompt.sha256)
    waiting = items if anew else [item for item in items if item.sha256 not in known]
    asked = [request.prompt.messages(item.shown) for item in waiting]
    sent = sum(of_messages(messages) for messages in asked)
    most = len(asked) * request.prompt.max_tokens
    back = None
    if known:
        written = [of_text(pair.question + pair.answer) for one in known.values() for pair in one.pairs]
        back = round(sum(written) / len(known)) * len(asked)
    prices = request.prices
    return Estimate(
        rows=len(asked),
        answered=len(items) - len(asked),
        of_other_prompts=store.of_other_prompts(request.prompt.sha256),
        repeated=found.repeated,
        empty=found.empty,
        prompt_tokens=sent,
        completion_tokens=back,
        completion_most=most,
        cost=prices.cost(sent, back) if prices and back is not None else None,
        cost_most=prices.cost(sent, most) if prices else None,
        stays_here=place.stays_here(request.url, request.model),
        is_open=place.is_open(request.url),
        example=asked[0] if asked else [],
        findings=found.findings,
    )


def launch(
    project: Project, request: Request, typed_key: str = "", *, anew: bool = False, replace: bool = False
) -> Path:
    """Start asking and return the job's folder. The dataset appears when the job has finished.

    typed_key: goes to the worker and nowhere else, when ``request.key`` says that it was typed. anew: what this prompt
    was answered already is asked again. replace: also replace a dataset that was not written here. Raises BadInput for
    a wrong request or a key that is not there, Refused for a key file that others may read.
    """
    from tarot_tui.jobs.launch import start
    from tarot_tui.jobs.spec import create

    publish.check(project, request.name, replace=replace)
    if not request.url or not request.model:
        raise BadInput(_("Say who writes: --endpoint URL and --model NAME."))
    if request.most is not None and request.prices is None:
        raise BadInput(_("--max-cost needs prices: --price-in and --price-out, what a million tokens cost."))
    typed_key = keys.checked(typed_key) if request.key.kind == "typed" else ""
    if not typed_key:
        request.key.read()
    items = _chosen(project, request)[0]
    if anew:
        store = Store(project, request.name)
        with store.alone():
            store.forget(request.prompt.sha256, {item.sha256 for item in items})
    folder = create(
        project,
        KIND,
        f"synth-{request.name}",
        ["{python}", "-m", "tarot_tui.data.synthesis.worker"],
        request.as_dict(project),
        title=_("write {name}").format(name=request.name),
        stop_grace=request.limits.timeout + _STOP_SECONDS,
    )
    with keys.handed_over(typed_key):
        start(folder)
    return folder


def _chosen(project: Project, request: Request) -> tuple[list[rows.Item], rows.Rows]:
    found = rows.read(project, request.sources, request.prompt, request.prompt_file)
    items = rows.chosen(found.items, request.first, request.last)
    if not items:
        raise BadInput(
            _("No row is left to ask about: there are {count} rows with text.").format(count=len(found.items))
        )
    return items, found


def needs_typed_key(folder: Path) -> bool:
    """Whether a key must be typed before the job can go on."""
    return _key_of(folder).kind == "typed"


def resume(folder: Path, typed_key: str = "") -> Status:
    """Go on with a job: only rows that are not answered yet are asked. Raises BadInput and Refused as :func:`launch`."""
    from tarot_tui.jobs import control

    source = _key_of(folder)
    if source.kind == "typed":
        typed_key = keys.checked(typed_key)
    else:
        typed_key = ""
        source.read()
    with keys.handed_over(typed_key):
        return control.resume(folder)


def _key_of(folder: Path) -> keys.KeySource:
    from tarot_tui.jobs.spec import read_spec

    spec = read_spec(folder)
    if spec.get("kind") != KIND:
        raise BadInput(
            _("{job} is no job of 'data synth': 'tarot-tui resume {job}' goes on with it.").format(
                job=one_line(folder.name)
            )
        )
    request = spec.get("request")
    return keys.KeySource.parse(request.get("key") if isinstance(request, dict) else None)

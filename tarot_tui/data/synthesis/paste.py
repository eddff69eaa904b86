"""By hand: a prompt for some rows to paste into any chat, and what comes back read into the dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tarot_tui.data.synthesis import judge, publish, reply, rows
from tarot_tui.data.synthesis.publish import Published
from tarot_tui.data.synthesis.reply import Pair
from tarot_tui.data.synthesis.request import Request
from tarot_tui.data.synthesis.rows import Item
from tarot_tui.data.synthesis.store import By, Store
from tarot_tui.errors import BadInput, TarotError
from tarot_tui.locale import _
from tarot_tui.project import Project
from tarot_tui.text import one_line

#: The model's name where nobody says which chat it was.
BY_HAND = "by hand"


@dataclass(frozen=True)
class Prepared:
    """text: to be pasted. rows: how many are in it. left: how many unanswered ones are not."""

    text: str
    rows: int
    left: int


@dataclass
class Taken:
    """What came of a paste.

    rows, pairs: kept. set_aside: place of the row and reason (a key of :data:`judge.REASONS`). repaired: whether the
    JSON had to be mended; cut: whether its end was missing. missing: rows of the dataset that are still unanswered.
    """

    rows: int
    pairs: int
    set_aside: list[tuple[str, str]]
    repaired: bool
    cut: bool
    missing: int
    published: Published | None = field(default=None)


def prepare(project: Project, request: Request, count: int) -> Prepared:
    """The prompt for the next ``count`` rows that are not answered yet.

    Raises BadInput as :func:`launch.estimate` does, and when all rows are answered.
    """
    publish.check(project, request.name, replace=True)
    waiting = _waiting(project, request)
    if not waiting:
        raise BadInput(_("All rows are answered already."))
    marked = {item.mark: item.shown for item in waiting[:count]}
    return Prepared(request.prompt.to_paste(marked), len(marked), len(waiting) - len(marked))


def take(project: Project, request: Request, text: str, *, replace: bool = False) -> Taken:
    """Read what a chat gave back and write the dataset anew; ``replace`` as in :func:`launch.launch`.

    Raises BadInput, and nothing is changed, when the text cannot be read in one way only or a sample belongs to no row;
    TarotError when nothing in it can be kept.
    """
    publish.check(project, request.name, replace=replace)
    found = rows.read(project, request.sources, request.prompt, request.prompt_file)
    try:
        read = reply.read(text, only_questions=request.prompt.only_questions)
        by_row = _by_row(read.pairs, found.items)
    except reply.Fault as fault:
        raise BadInput(_("What was pasted cannot be read: {problem}.").format(problem=fault)) from None
    store = Store(project, request.name)
    with store.alone():
        store.begin(request.prompt)
        kept, set_aside = _keep(store, request, by_row)
        if not kept:
            why = "; ".join(f"{place}: {_(judge.REASONS[reason])}" for place, reason in set_aside[:3])
            raise TarotError(_("Nothing of it can be kept: {why}.").format(why=one_line(why, 300)))
        published = publish.publish(project, request.name, request.prompt, request.prompt_file, found)
    missing = len(_waiting(project, request, found.items))
    return Taken(
        len(kept), sum(map(len, kept.values())), set_aside, read.repaired, read.cut, missing, published
    )


def _waiting(project: Project, request: Request, items: Sequence[Item] | None = None) -> list[Item]:
    if items is None:
        items = rows.read(project, request.sources, request.prompt, request.prompt_file).items
    known = Store(project, request.name).answered(request.prompt.sha256)
    return [item for item in rows.chosen(items, request.first, request.last) if item.sha256 not in known]


def _by_row(pairs: Sequence[Pair], items: Sequence[Item]) -> dict[Item, list[Pair]]:
    marks = {item.mark: item for item in items}
    found: dict[Item, list[Pair]] = {}
    for number, pair in enumerate(pairs, 1):
        if not pair.mark:
            raise reply.Fault(_('sample {number} does not say its "row"').format(number=number))
        if pair.mark not in marks:
            raise reply.Fault(
                _(
                    "sample {number} belongs to the row '{mark}', which is not among the rows as they are now"
                ).format(number=number, mark=one_line(pair.mark, 40))
            )
        found.setdefault(marks[pair.mark], []).append(pair)
    return found


def _keep(
    store: Store, request: Request, by_row: dict[Item, list[Pair]]
) -> tuple[dict[Item, list[Pair]], list[tuple[str, str]]]:
    prompt = request.prompt
    by = By(prompt.sha256, request.model or BY_HAND)
    said = judge.Said(questions=prompt.only_questions)
    pasted = {item.sha256 for item in by_row}
    for answered in store.answered(prompt.sha256).values():
        # A row that is pasted again replaces its answers, and may say the same again.
        for pair in answered.pairs if answered.row_sha256 not in pasted else ():
            said.again(pair)
    kept: dict[Item, list[Pair]] = {}
    set_aside: list[tuple[str, str]] = []
    for item, pairs in by_row.items():
        good = []
        for pair in pairs:
            reason = judge.fault(pair, item, prompt) or ("repeated" if said.again(pair) else "")
            if reason:
                store.reject(item, by, reason, question=pair.question, answer=pair.answer)
                set_aside.append((item.place, reason))
            else:
                good.append(pair)
        if good:
            store.keep(item, by, good)
            kept[item] = good
    return kept, set_aside

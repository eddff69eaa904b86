"""Any sample of a dataset at once, however many there are: as it stands, edited or dropped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from tarot_tui.data import dataset, overlay
from tarot_tui.data.dataset import Conversation
from tarot_tui.data.overlay import Change, Do, Raw, Wish
from tarot_tui.data.sample_index import SampleIndex, said
from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.project import Project


@dataclass(frozen=True)
class Shown:
    """One sample. state: '' as in the file, or what was done to it. why: the id of the finding that it was done for.

    problem: why it cannot be read as a conversation, '' if it can; ``text`` is then what is there instead.
    """

    number: int
    messages: Conversation = field(default_factory=list)
    state: Literal["", "edited", "dropped"] = ""
    why: str = ""
    problem: str = ""
    text: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The sample as JSON-ready keys and values."""
        return asdict(self)


class Preview:
    """The samples of one dataset, by the numbers they have in its file.

    Opening reads next to nothing: samples are counted as far as one asks, and one that changed is known to be so once
    :meth:`settle` was called. Raises BadInput for a dataset that is not there or not readable.
    """

    def __init__(self, project: Project, name: str) -> None:
        self.project, self.name = project, name
        self.entry = dataset.usable(project, name)
        self.index = SampleIndex(self.entry.file)
        self.changes: dict[int, Change] = {}

    def close(self) -> None:
        """Let the file go."""
        self.index.close()

    def settle(self) -> Preview:
        """Find the samples of all changes; slow only after the data file was built again."""
        self.changes = overlay.settle(self.project, self.name, self.entry.file).by_number
        return self

    def sample(self, number: int) -> Shown:
        """Sample ``number`` (1 is the first). Raises BadInput when there is none."""
        change = self.changes.get(number)
        state = "" if change is None else "dropped" if change.do == "drop" else "edited"
        why = change.why if change else ""
        text = self.index.text(number)
        try:
            messages = dataset.as_messages(self.entry, number, self.raw(number))
        except BadInput as error:
            return Shown(number, [], state, why, str(error), text)
        return Shown(number, messages, state, why)

    def raw(self, number: int) -> Raw:
        """Sample ``number`` in the file's own form, edited if it was. Raises BadInput when it is no object."""
        change = self.changes.get(number)
        return change.to if change and change.to is not None else self.index.raw(number)

    def find(self, words: str, begin: int = 1, stop: Callable[[], bool] = lambda: False) -> int | None:
        """The first sample from ``begin`` on that says ``words`` as it is now, whatever the case; None when none does."""
        edited = next((n for n in sorted(self.changes) if n >= begin and self._says(n, words)), None)
        while (found := self.index.find(words, begin, stop)) is not None and not self._says(found, words):
            begin = found + 1
        return min((n for n in (edited, found) if n is not None), default=None)

    def _says(self, number: int, words: str) -> bool:
        return words.casefold() in said(self.raw(number)).casefold()

    def change(self, numbers: list[int], do: Do, to: Raw | None = None) -> int:
        """Drop samples, give them back, or put ``to`` in the place of one; returns the change's number."""
        wishes = [Wish(number, self.index.raw(number), do, to) for number in dict.fromkeys(numbers)]
        if do == "keep" and not any(number in self.changes for number in numbers):
            raise BadInput(_("Sample {number} is as it was.").format(number=numbers[0]))
        return overlay.add(self.project, self.name, self.entry.file, wishes)

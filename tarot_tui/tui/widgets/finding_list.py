"""Findings as a list, worst first; enter unfolds the evidence and the fix of one."""

from __future__ import annotations

from collections.abc import Iterable

from rich.cells import set_cell_size
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tarot_tui.findings import Finding, worst_first
from tarot_tui.locale import N_, _
from tarot_tui.text import one_line, plain
from tarot_tui.tui.keys import Key, bindings, table
from tarot_tui.tui.widgets.keyed_list import KeyedList

#: severity → the word in front of the sentence, and its colour. The word alone must do.
_LOOKS = {
    "error": (N_("FAIL"), "$text-error"),
    "warning": (N_("WARN"), "$text-warning"),
    "info": (N_("info"), "$text-muted"),
    "ok": (N_("ok"), "$text-success"),
}
#: Cells of the word in front.
_INDENT = 5


(UNFOLD,) = table(
    "findings",
    Key("enter", "enter", "select", N_("unfold"), N_("List: show the evidence and the fix, or hide them."), quiet=True, name="unfold"),
)  # fmt: skip


class FindingList(KeyedList):
    """Shows findings; what one cannot go on with is unfolded from the start."""

    KEYS = (UNFOLD, *KeyedList.KEYS)
    BINDINGS = bindings((UNFOLD,))
    # The room for a bar is always left, so that what is wrapped here is wrapped no further.
    DEFAULT_CSS = """
    FindingList { scrollbar-gutter: stable; scrollbar-size: 0 1; }
    """

    def __init__(self, id: str | None = None, fix_key: str = "") -> None:
        """fix_key: the key that makes the fix of a finding when it is a change of the recipe, where there is one."""
        super().__init__(id=id, compact=True, markup=False)
        self._fix_key = fix_key
        self.findings: list[Finding] = []
        self._unfolded: set[str] = set()
        self._folded: set[str] = set()
        self._width = 0

    def show(self, findings: Iterable[Finding]) -> None:
        """Show these, keeping what is unfolded, and the place of somebody who is in the list."""
        ordered = worst_first(list(findings))
        if ordered == self.findings and self.option_count:
            return
        kept = self._highlighted_id() if self.has_focus else None
        self.findings = ordered
        self._rebuild(kept)

    def on_resize(self) -> None:
        """Wrap anew where there is another width."""
        if self._width != self._room:
            self._rebuild(self._highlighted_id())

    @property
    def _room(self) -> int:
        """Cells of a line."""
        return self.scrollable_content_region.width

    @property
    def chosen(self) -> Finding | None:
        """The one that is highlighted."""
        return None if self.highlighted is None else self.findings[self.highlighted]

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter: unfold or fold."""
        event.stop()
        finding = self.findings[event.option_index]
        into, out_of = (
            (self._folded, self._unfolded) if self._is_unfolded(finding) else (self._unfolded, self._folded)
        )
        into.add(finding.id)
        out_of.discard(finding.id)
        self._rebuild(finding.id)

    def _rebuild(self, highlight: str | None) -> None:
        self._width = self._room
        self.clear_options()
        self.add_options([Option(self._prompt(finding)) for finding in self.findings])
        if self.findings:
            places = [finding.id for finding in self.findings]
            self.highlighted = places.index(highlight) if highlight in places else 0

    def _prompt(self, finding: Finding) -> Content:
        word, style = _LOOKS[finding.severity]
        head = Content.styled(set_cell_size(_(word), _INDENT), f"{style} bold")
        lines = self._beside(head, Content(one_line(finding.text, 400)))
        by_key = bool(self._fix_key) and _changes_the_recipe(finding)
        if by_key:
            key = Content.styled(f"{self._fix_key}  ", "$footer-key-foreground bold")
            lines += self._beside(Content(" " * _INDENT), key + Content(one_line(finding.fix, 200)))
        if self._is_unfolded(finding):
            if finding.fix and not by_key:
                fix = _("fix: {fix}").format(fix=plain(finding.fix))
                lines += self._beside(Content(" " * _INDENT), Content(fix))
            if finding.evidence:
                said = Content.styled(one_line(finding.evidence, 400), "$text-muted")
                lines += self._beside(Content(" " * _INDENT), said)
        return Content("\n").join(lines)

    def _beside(self, head: Content, text: Content) -> list[Content]:
        """``head`` and the text beside it, which goes on below itself."""
        room = self._width - _INDENT
        first, *others = text.wrap(room) if room > _INDENT else [text]
        return [head + first, *(Content(" " * _INDENT) + line for line in others)]

    def _is_unfolded(self, finding: Finding) -> bool:
        if finding.id in self._folded:
            return False
        return finding.id in self._unfolded or finding.severity == "error"

    def _highlighted_id(self) -> str | None:
        return None if self.highlighted is None else self.findings[self.highlighted].id


def _changes_the_recipe(finding: Finding) -> bool:
    # Only here: it needs pydantic, which most screens with findings do without.
    from tarot_tui.training.fixes import changes

    return bool(changes(finding.fix))

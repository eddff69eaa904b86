"""A recipe as a form: made from the recipe's own declarations, checked by the recipe's own rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Collapsible

from tarot_tui.locale import _
from tarot_tui.training import recipe as recipes
from tarot_tui.training.contradictions import contradictions
from tarot_tui.training.sections import Section, sections
from tarot_tui.tui.widgets.field_row import FieldRow


class Fold(Collapsible):
    """The settings of one section that beginners need not know."""

    DEFAULT_CSS = """
    Fold, Fold:focus-within { background: transparent; border: none; padding: 0; }
    Fold Contents { padding: 0; }
    """

    def __init__(self, section: Section) -> None:
        self._rows = [FieldRow(field) for field in section.fields if not field.basic]
        self._section = _(section.title)
        super().__init__(*self._rows, title=self._label(0))

    def _label(self, changed: int) -> str:
        if changed:
            return _("{section}: {count} more, {changed} changed").format(
                section=self._section, count=len(self._rows), changed=changed
            )
        return _("{section}: {count} more").format(section=self._section, count=len(self._rows))

    def count(self) -> None:
        """Say in the title how many are no longer as they were."""
        self.title = self._label(sum(row.changed for row in self._rows))


class RecipeForm(Vertical):
    """Every parameter of a recipe: the basic ones first, the others folded by sections."""

    DEFAULT_CSS = """
    RecipeForm { height: auto; }
    """

    class Changed(Message):
        """A value was changed by the user."""

    def compose(self) -> ComposeResult:
        """A row per parameter."""
        found = sections()
        for section in found:
            yield from (FieldRow(field) for field in section.fields if field.basic)
        for section in found:
            yield Fold(section)

    def fill(self, values: Mapping[str, Any]) -> None:
        """Show ``values``; what they do not name gets its default."""
        for row in self.rows():
            row.fill(values.get(row.field.name, row.field.default))
        self.check()

    def change(self, values: Mapping[str, Any]) -> None:
        """Show other values of some parameters, unfold where they are, and tell."""
        for row in self.rows():
            if row.field.name in values:
                row.fill(values[row.field.name])
                self._unfold(row)
        self.post_message(self.Changed())

    def row(self, name: str) -> FieldRow:
        """The row of the parameter ``name``."""
        return next(row for row in self.rows() if row.field.name == name)

    def rows(self) -> Iterable[FieldRow]:
        """The rows, basic ones first."""
        return self.query(FieldRow)

    def values(self) -> dict[str, Any]:
        """Every parameter's value, as typed."""
        return {row.field.name: row.value for row in self.rows()}

    def check(self) -> recipes.Recipe | None:
        """The recipe that the form makes; None when something is wrong, which is then said in place."""
        wrong = {row.field.name: _wrong(row.field, row.value) for row in self.rows()}
        recipe = None if any(wrong.values()) else recipes.Recipe.model_validate(_given(self.values()))
        if recipe:
            wrong |= dict(contradictions(recipe))
        for row in self.rows():
            row.complain(wrong[row.field.name])
            if wrong[row.field.name]:
                self._unfold(row)
        for fold in self.query(Fold):
            fold.count()
        return None if any(wrong.values()) else recipe

    # ---- what is shown of it

    def show_only(self, text: str) -> int:
        """Only the parameters whose name or help holds ``text``, all when it is empty; how many there are."""
        wanted = text.strip().casefold()
        shown = 0
        for row in self.rows():
            found = wanted in row.field.name.casefold() or wanted in row.field.help.casefold()
            _display(row, found)
            shown += found
        for fold in self.query(Fold):
            inside = any(row.display for row in fold.query(FieldRow))
            _display(fold, inside)
            fold.collapsed = not (wanted and inside)
        return shown

    def fold_all(self) -> None:
        """Unfold all sections, or fold them when they are unfolded."""
        folds = list(self.query(Fold))
        folded = any(fold.collapsed for fold in folds)
        for fold in folds:
            fold.collapsed = not folded
        if folded:  # each scrolls itself into view, so that the last would be seen
            self.call_after_refresh(folds[0].scroll_visible, top=True, animate=False)

    def help_for(self, widget: Widget | None) -> str:
        """What the parameter does whose field has the focus; empty for any other widget."""
        row = _row_around(widget)
        return row.help if row else ""

    def line_for(self, widget: Widget | None) -> str:
        """The same in one line."""
        row = _row_around(widget)
        return _("{name}: {words}").format(name=row.field.name, words=row.field.help) if row else ""

    def on_field_row_changed(self, event: FieldRow.Changed) -> None:
        """Check at once, and tell."""
        event.stop()
        self.post_message(self.Changed())

    def _unfold(self, row: FieldRow) -> None:
        for node in row.ancestors:
            if isinstance(node, Fold):
                node.collapsed = False


def _display(widget: Widget, shown: bool) -> None:
    # Set anew to the same value it would be laid out again.
    if widget.display != shown:
        widget.display = shown


def _row_around(widget: Widget | None) -> FieldRow | None:
    nodes = widget.ancestors if widget else ()
    return next((node for node in nodes if isinstance(node, FieldRow)), None)


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    """What is not empty; for the rest a recipe has its defaults."""
    return {name: value for name, value in values.items() if value is not None}


def _wrong(field: recipes.Field, value: Any) -> str:
    if field.required and value in ("", [], None):
        return _("needed: {allowed}").format(allowed=field.allowed)
    # Alone with the one parameter that has no default, so that the complaint is about this value.
    values = {"dataset": ["-"], field.name: value}
    try:
        recipes.Recipe.model_validate(_given(values))
    except ValueError:
        return _("must be {allowed}").format(allowed=field.allowed)
    return ""

"""A recipe as a form: made from the recipe's own declarations, checked by the recipe's own rules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Collapsible, Input, Static

from tarot_tui.errors import BadInput
from tarot_tui.locale import _
from tarot_tui.training import recipe as recipes
from tarot_tui.tui.widgets.choice import Choice


class FieldRow(Vertical):
    """One parameter: its name, its value, and below it what is wrong with the value."""

    DEFAULT_CSS = """
    FieldRow { height: auto; }
    FieldRow Horizontal { height: 1; }
    FieldRow .field { width: 29; }
    FieldRow Input, FieldRow Choice { width: 1fr; }
    FieldRow .wrong { color: $text-error; padding-left: 2; display: none; }
    FieldRow.-wrong .wrong { display: block; }
    """

    class Changed(Message):
        """Its value was changed by the user."""

    def __init__(self, field: recipes.Field) -> None:
        super().__init__()
        self.field = field
        self._given: Any = field.default

    def compose(self) -> ComposeResult:
        """Name, value, complaint."""
        with Horizontal():
            yield Static(self.field.name, classes="field", markup=False)
            if options := self._options():
                yield Choice(options, self.field.default)
            else:
                box = Input(compact=True)
                box.cursor_blink = False
                yield box
        yield Static(classes="wrong", markup=False)

    @property
    def value(self) -> Any:
        """The value as the recipe takes it; what cannot be read as one stays the text that was typed."""
        if self._options():
            return self.query_one(Choice).value
        text = self.query_one(Input).value.strip()
        if text == _written(self._given):
            return self._given
        return _read(self.field, text)

    def fill(self, value: Any) -> None:
        """Show ``value`` without telling anybody."""
        self._given = value
        with self.prevent(Input.Changed, Choice.Changed):
            if options := self._options():
                self.query_one(Choice).set_options(options, value)
            else:
                self.query_one(Input).value = _written(value)

    def complain(self, sentence: str) -> None:
        """Say what is wrong; an empty sentence takes it back."""
        self.set_class(bool(sentence), "-wrong")
        self.query_one(".wrong", Static).update(Content(sentence))

    def on_input_changed(self, event: Input.Changed) -> None:
        """Typed."""
        event.stop()
        self.post_message(self.Changed())

    def on_choice_changed(self, event: Choice.Changed) -> None:
        """Chosen."""
        event.stop()
        self.post_message(self.Changed())

    def _options(self) -> list[tuple[str, Any]]:
        values: tuple[Any, ...] = (False, True) if self.field.type is bool else self.field.choices
        options = [(_written(value), value) for value in values]
        return [(_("(automatic)"), None), *options] if self.field.optional and options else options


class RecipeForm(Vertical):
    """Every parameter of a recipe, the basic ones first and the others folded."""

    DEFAULT_CSS = """
    RecipeForm { height: auto; }
    RecipeForm Collapsible { background: transparent; border: none; padding: 0; }
    RecipeForm Collapsible Contents { padding: 0; }
    """

    class Changed(Message):
        """A value was changed by the user."""

    def compose(self) -> ComposeResult:
        """A row per parameter."""
        fields = recipes.fields()
        for field in fields:
            if field.basic:
                yield FieldRow(field)
        others = [FieldRow(field) for field in fields if not field.basic]
        yield Collapsible(*others, title=_("{count} more settings").format(count=len(others)))

    def fill(self, values: dict[str, Any]) -> None:
        """Show ``values``; what they do not name gets its default."""
        for row in self.rows():
            row.fill(values.get(row.field.name, row.field.default))
        self.check()

    def rows(self) -> Iterable[FieldRow]:
        """The rows, basic ones first."""
        return self.query(FieldRow)

    def values(self) -> dict[str, Any]:
        """Every parameter's value, as typed."""
        return {row.field.name: row.value for row in self.rows()}

    def check(self) -> recipes.Recipe | None:
        """The recipe that the form makes; None when something is wrong, which is then said in place."""
        good = True
        for row in self.rows():
            wrong = _wrong(row.field, row.value)
            row.complain(wrong)
            good = good and not wrong
        return recipes.validate(self.values(), where=_("form")) if good else None

    def help_for(self, widget: Widget | None) -> str:
        """What the parameter does whose field has the focus; empty for any other widget."""
        row = (
            next((node for node in widget.ancestors if isinstance(node, FieldRow)), None) if widget else None
        )
        return f"{row.field.name}: {row.field.help}" if row else ""

    def on_field_row_changed(self, event: FieldRow.Changed) -> None:
        """Check at once, and tell."""
        event.stop()
        self.post_message(self.Changed())


def _wrong(field: recipes.Field, value: Any) -> str:
    # Alone with the one parameter that has no default, so that the complaint is about this value.
    values = {"dataset": ["-"], field.name: value}
    if field.required and value in ("", [], None):
        return _("needed: {allowed}").format(allowed=field.allowed)
    try:
        recipes.validate(values)
    except BadInput:
        return _("must be {allowed}").format(allowed=field.allowed)
    return ""


def _written(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return (
        ",".join(map(str, value))
        if isinstance(value, list)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )


def _read(field: recipes.Field, text: str) -> Any:
    if not text:
        return None if not field.required else []
    if field.type is list:
        return [name.strip() for name in text.split(",") if name.strip()]
    if field.type in (int, float):
        try:
            return field.type(text)
        except ValueError:
            return text
    return text

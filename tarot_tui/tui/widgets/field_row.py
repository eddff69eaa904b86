"""One parameter of a recipe in a form: its name, its value, and below it what is wrong with the value."""

from __future__ import annotations

from typing import Any

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from tarot_tui.locale import N_, _
from tarot_tui.training import recipe as recipes
from tarot_tui.training.effects import effects
from tarot_tui.tui.keys import Key, bindings, table
from tarot_tui.tui.widgets.choice import Choice

_KEYS: tuple[Key, ...] = table(
    "box",
    Key("question_mark", "?", "screen.help", N_("help"), N_("Say what the field is for."), priority=True, name="help"),
)  # fmt: skip


class Box(Input):
    """A field of one line in which ``?`` asks for help: no value of a recipe holds one."""

    BINDINGS = bindings(_KEYS)

    def __init__(self) -> None:
        super().__init__(compact=True)
        self.cursor_blink = False


class FieldRow(Vertical):
    """``field`` is declared by the recipe; its value may be changed by the user, or filled in."""

    DEFAULT_CSS = """
    FieldRow { height: auto; }
    FieldRow Horizontal { height: 1; }
    FieldRow .field { width: 31; }
    FieldRow.-changed .field { color: $text; text-style: bold; }
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
        values: tuple[Any, ...] = (False, True) if field.type is bool else field.choices
        options = [(written(value), value) for value in values]
        if field.optional and options:
            options = [(_("(automatic)"), None), *options]
        self._options = options
        self._entry: Choice[Any] | Box = Choice(options, field.default) if options else Box()
        self._label = Static(field.name, classes="field", markup=False)
        self._wrong = Static(classes="wrong", markup=False)

    def compose(self) -> ComposeResult:
        """Name, value, complaint."""
        with Horizontal():
            yield self._label
            yield self._entry
        yield self._wrong

    @property
    def value(self) -> Any:
        """The value as the recipe takes it; what cannot be read as one stays the text that was typed."""
        if isinstance(self._entry, Choice):
            return self._entry.value
        text = self._entry.value.strip()
        return self._given if text == written(self._given) else _read(self.field, text)

    def fill(self, value: Any) -> None:
        """Show ``value`` without telling anybody."""
        if self.field.type is list and isinstance(value, str):
            value = _read(self.field, value)
        self._given = value
        with self.prevent(Input.Changed, Choice.Changed):
            if isinstance(self._entry, Choice):
                self._entry.set_options(self._options, value)
                if value is None:
                    self._entry.choose(None)
            else:
                self._entry.value = written(value)
        self._mark()

    def complain(self, sentence: str) -> None:
        """Say what is wrong; an empty sentence takes it back."""
        if sentence or self.has_class("-wrong"):
            self.set_class(bool(sentence), "-wrong")
            self._wrong.update(Content(sentence))

    def focus_entry(self) -> None:
        """Let the user change it."""
        self._entry.focus()

    @property
    def changed(self) -> bool:
        """Whether it is another value than the default."""
        return self.value != self.field.default

    @property
    def help(self) -> str:
        """What it does, what is allowed, and what more or less of it does."""
        field = self.field
        lines = [
            _("{name}: {words}").format(name=field.name, words=field.help),
            _("Allowed: {allowed}.").format(allowed=field.allowed),
        ]
        if field.default not in (None, []):
            lines.append(_("Unless changed: {default}.").format(default=written(field.default)))
        if more_or_less := effects(field.name):
            lines.append(_("More: {effect}.").format(effect=more_or_less[0]))
            lines.append(_("Less: {effect}.").format(effect=more_or_less[1]))
        return "\n".join(lines)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Typed."""
        event.stop()
        self._tell()

    def on_choice_changed(self, event: Choice.Changed) -> None:
        """Chosen."""
        event.stop()
        self._tell()

    def _tell(self) -> None:
        self._mark()
        self.post_message(self.Changed())

    def _mark(self) -> None:
        """Names of values that are not the default are bold, and carry a star where there is no bold."""
        if self.changed != self.has_class("-changed"):
            self.set_class(self.changed, "-changed")
            self._label.update(Content(self.field.name + (" *" if self.changed else "")))


def written(value: Any) -> str:
    """A value as a field shows it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _read(field: recipes.Field, text: str) -> Any:
    if not text:
        # An empty field means what a key without a value means: the default.
        return field.default if not field.required else [] if field.type is list else ""
    if field.type is list:
        return [name.strip() for name in text.split(",") if name.strip()]
    if field.type in (int, float):
        try:
            return field.type(text)
        except ValueError:
            return text
    return text

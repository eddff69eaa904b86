"""A template as text, and below it what it makes of the documents, while one types."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Container, VerticalScroll
from textual.widgets import Static, TextArea

from tarot_tui.locale import N_, _
from tarot_tui.project import Project, write_text
from tarot_tui.text import one_line
from tarot_tui.tui.keys import Key, bindings, table
from tarot_tui.tui.screens.look import LookScreen
from tarot_tui.tui.widgets.caption import Caption
from tarot_tui.tui.widgets.confirm import Confirm
from tarot_tui.tui.widgets.key_line import KeyLine
from tarot_tui.tui.widgets.request_preview import RequestPreview

_KEYS: tuple[Key, ...] = table(
    "template",
    Key("ctrl+o", "ctrl+o", "save", N_("save"), N_("Write the template down.")),
    Key("f1", "F1", "help", N_("help"), N_("Show this help.")),
    Key("escape", "esc", "leave", N_("back"), N_("Go back; what is not saved is asked about.")),
    # First in line: the text would take them, and the preview has more to show than there is room for.
    Key("pagedown", "PgDn", "page(1)", N_("page down"), N_("Show more of the samples and columns."), quiet=True, priority=True, name="page_down"),
    Key("pageup", "PgUp", "page(-1)", N_("page up"), N_("Show what is above."), quiet=True, priority=True, name="page_up"),
    Key("ctrl+l", "ctrl+l", "app.redraw", N_("redraw"), N_("Draw the whole screen again."), quiet=True),
)  # fmt: skip


class TemplateScreen(LookScreen):
    """Edits one template. Dismissed with whether it was saved."""

    AUTO_FOCUS = "TextArea"
    KEYS = _KEYS
    BINDINGS = bindings(_KEYS)
    DEFAULT_CSS = """
    TemplateScreen #both { height: 1fr; layout: vertical; padding: 0 1; }
    TemplateScreen TextArea { height: 2fr; border: none; padding: 0; background: $surface; }
    TemplateScreen #made { height: 3fr; margin-top: 1; scrollbar-size-vertical: 1; }
    TemplateScreen.-wide #both { layout: horizontal; }
    TemplateScreen.-wide TextArea { width: 1fr; height: 1fr; }
    TemplateScreen.-wide #made { width: 1fr; height: 1fr; margin: 0 0 0 3; }
    """

    def __init__(self, project: Project, path: Path, sources: Sequence[str], draft: str = "") -> None:
        """``sources``: the documents to show it on. ``draft``: what to begin with when the file is not there."""
        super().__init__()
        self.project, self.path = project, path
        self._sources = list(sources)
        self._stored = ""
        self._draft = draft
        self._saved = False

    def compose(self) -> ComposeResult:
        """Text and preview; side by side where it is wide."""
        yield Caption(_("Template {name}").format(name=one_line(self.path.stem, 40)))
        with Container(id="both"):
            yield TextArea(soft_wrap=True, compact=True, show_line_numbers=False)
            yield VerticalScroll(RequestPreview(), id="made", can_focus=False)
        yield Static(id="notice", markup=False)
        yield KeyLine(self.KEYS)

    def on_mount(self) -> None:
        """Read the file."""
        try:
            self._stored = self.path.read_text("utf-8")
        except FileNotFoundError:
            pass
        except (OSError, UnicodeDecodeError):
            self.fail(_("{file} cannot be read as UTF-8 text.").format(file=self.path.name))
        area = self.query_one(TextArea)
        area.cursor_blink = False
        area.text = self._stored or self._draft

    async def in_new_language(self) -> None:
        """Say it in the new language; what was written stays."""
        written = self.query_one(TextArea).text
        await super().in_new_language()
        area = self.query_one(TextArea)
        area.cursor_blink = False
        area.text = written

    @property
    def _changed(self) -> bool:
        return self.query_one(TextArea).text != self._stored

    def on_text_area_changed(self) -> None:
        """Show what the text makes now."""
        self.query_one(Caption).show([("bad", _("not saved"))] if self._changed else [])
        self.query_one(RequestPreview).preview(
            self.project, self._sources, self.project.relative(self.path), self.query_one(TextArea).text
        )

    def action_save(self) -> None:
        """Write the template down, whole or not: it is the user's."""
        try:
            self.path.parent.mkdir(exist_ok=True)
            write_text(self.path, self.query_one(TextArea).text)
        except OSError as error:
            self.fail(_("{file} cannot be written: {reason}.").format(file=self.path, reason=error.strerror))
            return
        self._stored = self.query_one(TextArea).text
        self._saved = True
        self.query_one(Caption).show([])
        self.say(_("Saved as {file}.").format(file=self.project.relative(self.path)))

    def action_page(self, by: int) -> None:
        """Scroll the samples and columns."""
        made = self.query_one("#made")
        made.scroll_relative(y=by * max(1, made.size.height - 1), animate=False)

    def action_leave(self) -> None:
        """Go back, after asking about what is not saved."""
        if not self._changed:
            self.dismiss(self._saved)
            return
        question = Confirm(
            _("Leave without saving?"),
            _("What you changed in {name} is lost.").format(name=one_line(self.path.name, 40)),
            _("Leave"),
        )
        self.app.push_screen(question, lambda yes: self.dismiss(self._saved) if yes else None)


def skeleton(tables: Sequence[dict]) -> str:  # type: ignore[type-arg]
    """A template to begin with: the first column of the first table as the question, the second as the answer."""
    columns = [name for table in tables for name, _example in table["columns"]][:2]
    asked, answered = (*columns, "…", "…")[:2]
    return f'samples:\n  - instruction: "{{{asked}}}"\n    output: "{{{answered}}}"\n'

"""Step 2: which documents, how a row becomes a sample, what the samples look like; then the build."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Input, Label, Static

from tarot_tui.errors import TarotError
from tarot_tui.findings import Finding
from tarot_tui.locale import N_, _
from tarot_tui.project import safe_name
from tarot_tui.text import one_line, size
from tarot_tui.tui import child, commands, steps, suggestions
from tarot_tui.tui.keys import Key, bindings, table
from tarot_tui.tui.screens.step import StepScreen
from tarot_tui.tui.widgets.choice import Choice
from tarot_tui.tui.widgets.documents import Documents
from tarot_tui.tui.widgets.finding_list import FindingList
from tarot_tui.tui.widgets.request_preview import RequestPreview

_NO_TEMPLATE = ""


class DatasetScreen(StepScreen):
    """The request with a live preview, then the report of the build."""

    STEP = "dataset"
    KEYS = table(
        "dataset",
        Key(
            "space",
            "space",
            "",
            N_("tick"),
            N_("Take a document, or leave it out; turn a choice."),
            quiet=True,
        ),
        Key("o", "o", "browse", N_("find files"), N_("Find documents anywhere on this machine, by looking.")),
        Key("b", "b", "build", N_("build"), N_("Build the dataset, also when it has been built before.")),
        Key("t", "t", "template", N_("template"), N_("Write the template, and see what it makes meanwhile.")),
        Key("v", "v", "view", N_("view"), N_("Page through the samples of the dataset that is built.")),
        Key("c", "c", "check", N_("check"), N_("Say what is wrong with its samples, and fix it.")),
    )
    BINDINGS = bindings(KEYS)
    FIELDS = {
        "documents": N_(
            "The documents to learn from. Space takes one or leaves it out; 'o' finds more on this machine."
        ),
        "add": N_("The path of a document or a folder from elsewhere, then enter; 'o' finds it by looking."),
        "template": N_(
            "How a row of a document becomes questions and answers: a small file in templates/. 't' opens it."
        ),
        "name": N_("What the dataset is called: it is written to data/ under this name."),
        "build-findings": N_("What the build has to say about the documents. Enter unfolds a finding."),
    }

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._typed_name = False
        self._changed = False
        self._added: list[str] = []
        self._browsed = self.project.root.absolute().parent
        self.building = False

    def body(self) -> Iterable[Widget]:
        """Documents, template, name; the preview below."""
        add = Input(id="add", compact=True, placeholder=_("another file or folder, then enter"))
        name = Input(id="name", compact=True)
        add.cursor_blink = name.cursor_blink = False
        yield Documents(id="documents")
        yield Horizontal(Label(_("Add"), classes="label"), add, classes="row")
        yield Horizontal(Label(_("Template"), classes="label"), Choice(id="template"), classes="row")
        yield Horizontal(Label(_("Name"), classes="label"), name, classes="row")
        yield Vertical(
            RequestPreview(), Static(id="report", markup=False), FindingList(id="build-findings"), id="below"
        )

    def buttons(self) -> Iterable[Button]:
        """What can be done with a dataset that is built."""
        yield Button(_("View") + " (v)", id="view", compact=True)
        yield Button(_("Check") + " (c)", id="check", compact=True)

    def is_possible(self, verb: str) -> bool:
        """Building, where there is something to build of."""
        return bool(self.sources()) if verb == "build" else super().is_possible(verb)

    @property
    def busy(self) -> bool:
        """While it builds."""
        return self.building

    def keepsake(self) -> Any:
        """The request."""
        ticked, template = self.query_one(Documents).selected, self.query_one("#template", Choice).value
        return self._added, ticked, template, self.dataset if self._typed_name else ""

    def inherit(self, keepsake: Any) -> None:
        """The same request."""
        self._added, ticked, template, name = keepsake
        self._list_documents()
        documents = self.query_one(Documents)
        for path in set(documents.known) - set(ticked):
            documents.deselect(path)
        self.query_one("#template", Choice).choose(template)
        if name:
            self.query_one("#name", Input).value = name
        self._judge()

    # ---- what the folder says

    def look(self) -> None:
        """List the documents and templates as they are now, keeping what was chosen."""
        if self.building:
            return
        self._list_documents()
        templates = sorted(path.name for path in self.project.templates.glob("*.yaml"))
        choice = self.query_one("#template", Choice)
        rules = suggestions.template(self.project)
        wanted = choice.value if choice.values else f"{rules}.yaml" if rules else _NO_TEMPLATE
        choice.set_options(
            [
                *((name.removesuffix(".yaml"), name) for name in templates),
                (_("none: one sample per cell"), _NO_TEMPLATE),
            ],
            wanted,
        )
        self._suggest_name()
        self._judge()

    def _list_documents(self) -> None:
        documents = self.query_one(Documents)
        found = [*suggestions.documents(self.project), *self._added]
        if found != documents.known:
            ticked = set(documents.selected) | (set(found) - set(documents.known))
            documents.show([(path, _labelled(self.project.root, path)) for path in found], ticked)

    def _suggest_name(self) -> None:
        if not self._typed_name:
            template = self.query_one("#template", Choice).value
            with self.prevent(Input.Changed):
                self.query_one("#name", Input).value = (
                    template.removesuffix(".yaml") if template else "samples"
                )

    # ---- the request

    @property
    def dataset(self) -> str:
        """The dataset's name, as typed."""
        return self.query_one("#name", Input).value.strip()

    def sources(self) -> list[str]:
        """What to read, as the command takes it: the folder when everything in it is ticked."""
        ticked = [path for path in self.query_one(Documents).selected if path not in self._added]
        whole = ticked and set(ticked) == set(suggestions.documents(self.project))
        ordered = sorted(ticked)
        return [
            *([self.project.sources.name] if whole else ordered),
            *(path for path in self._added if path in self.query_one(Documents).selected),
        ]

    def argv(self) -> list[str]:
        """The command that builds what is asked for."""
        template = self.query_one("#template", Choice).value
        return commands.data_build(self.sources(), self.dataset, f"templates/{template}" if template else "")

    def _judge(self, *, preview: bool = True) -> None:
        sources = self.sources()
        built = steps.dataset_names(self.project)
        self.query_one("#view").display = self.query_one("#check").display = bool(self._at_hand)
        self.show_command(self.argv() if sources else [])
        if preview:
            self._show_preview(sources)
        try:
            safe_name(self.dataset, _("dataset"))
        except TarotError as error:
            self.failed(str(error))
            self.offer(_("Build the dataset"), None)
            return
        if not sources and self._at_hand:
            self.say(
                _("{name} is ready. Documents in {folder} would make another.").format(
                    name=self._at_hand, folder=self.project.sources
                )
            )
            self.offer_next()
        elif not sources:
            self.say(
                _("Put xlsx, csv, docx or txt files into {folder} (r looks again), or find some (o).").format(
                    folder=self.project.sources
                )
            )
            self.offer(_("Find documents…"), self.action_browse)
        elif self.dataset in built and not self._changed:
            self.say(
                _("{name} is built: {path}.").format(name=self.dataset, path=f"data/{self.dataset}.json"),
                "ok",
            )
            self.offer_next()
        elif self.dataset in built:
            self.say(_("data/{name}.json exists and will be replaced.").format(name=self.dataset), "warning")
            self.offer(_("Build the dataset"), self.action_build)
        else:
            self.say(_("Will write data/{name}.json and register it for training.").format(name=self.dataset))
            self.offer(_("Build the dataset"), self.action_build)

    def _show_preview(self, sources: list[str]) -> None:
        self._part("preview")
        template = self.query_one("#template", Choice).value
        self.query_one(RequestPreview).preview(
            self.project, sources, f"templates/{template}" if template else ""
        )

    def on_documents_changed(self) -> None:
        """Another set of documents."""
        self._touched()

    def on_choice_changed(self, event: Choice.Changed) -> None:
        """Another template, and the name that goes with it."""
        self._suggest_name()
        self._touched()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Another name."""
        if event.input.id == "name":
            self._typed_name = True
            self._touched(preview=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in the field for more documents adds one; elsewhere it is the main button."""
        if event.input.id != "add" or not event.value.strip():
            super().on_input_submitted(event)
            return
        event.stop()
        path = self.project.resolve(event.value.strip())
        if not path.exists():
            self.failed(_("{file} does not exist.").format(file=path))
            return
        event.input.value = ""
        self._add([path])

    def _add(self, paths: Sequence[Path]) -> None:
        named = [self.project.relative(path) for path in paths]
        self._added += [path for path in named if path not in self._added]
        self._list_documents()
        self._touched()

    def action_browse(self) -> None:
        """Find more documents."""
        from tarot_tui.tui.screens.browse import BrowseScreen

        self.app.push_screen(BrowseScreen(self._browsed), self._took)

    def _took(self, paths: list[Path] | None) -> None:
        if paths:
            self._browsed = paths[0].parent
            self._add(paths)

    def _touched(self, *, preview: bool = True) -> None:
        self._changed = True
        self._judge(preview=preview)

    # ---- the build

    def action_build(self) -> None:
        """Build it, in a process of its own."""
        if self.building or not self.sources():
            return
        self.building = True
        self.say(_("Building…"))
        self.offer(_("Building…"), None)
        self.in_background(self._built(self.dataset), "build")

    async def _built(self, name: str) -> None:
        try:
            report = (await child.run(self.project, self.argv())).expect_success()
        except TarotError:
            self.offer(_("Try again"), self.action_build)
            raise
        finally:
            self.building = False
        self._changed = False
        self.project.remember("dataset", name)
        self.refresh_rail()
        self._report(name, report)
        self.query_one("#view").display = self.query_one("#check").display = True
        self.offer_next()
        self.in_background(self._looked_over(name), "look over")

    async def _looked_over(self, name: str) -> None:
        """Say how the samples look, without being asked; the check itself is a key away."""
        report = (await child.run(self.project, commands.data_check(name))).document
        faulty = {number for found in report["findings"] for number in found.get("samples", ())}
        words = (
            _("{name}: {count} samples, {faulty} of them with something to look at (c).")
            if faulty
            else _("{name}: {count} samples, nothing to mend.")
        )
        if self.dataset == name and not self._changed:
            self.say(words.format(name=name, count=report["samples"], faulty=len(faulty)), "ok")

    def _report(self, name: str, report: dict[str, Any]) -> None:
        self._part("report")
        count = report.get("samples")
        self.say(_("{name}: {count} samples.").format(name=name, count=count), "ok")
        lines = [Content.styled(_("Samples of each document"), "bold $primary")]
        for file in report.get("files") or []:
            path = str(file.get("path")).removeprefix("sources/")
            lines.append(Content(f"{file.get('samples'):>6,}  {one_line(path, 60)}"))
        self.query_one("#report", Static).update(Content("\n").join(lines))
        self.query_one(FindingList).show([Finding(**found) for found in report.get("findings", [])])

    def action_template(self) -> None:
        """Write the chosen template, or a new one; what it makes is shown meanwhile."""
        from tarot_tui.tui.screens.template import TemplateScreen, skeleton

        chosen = self.query_one("#template", Choice).value
        name = chosen or self._free_template()
        path = self.project.templates / name
        draft = skeleton(self.query_one(RequestPreview).tables)

        def saved(whether: bool | None) -> None:
            if whether:
                self.look()
                self.query_one("#template", Choice).choose(name)
                self._touched()

        self.app.push_screen(TemplateScreen(self.project, path, self.sources(), draft), saved)

    def _free_template(self) -> str:
        taken = {path.name for path in self.project.templates.glob("*.yaml")}
        return next(
            name for name in ("mine.yaml", *(f"mine-{i}.yaml" for i in range(2, 1000))) if name not in taken
        )

    # ---- what was built

    @property
    def _at_hand(self) -> str:
        """The dataset that is named, if it is built; else the one built last; '' when there is none."""
        built = steps.dataset_names(self.project)
        wished = (self.dataset, self.project.recall("dataset"), *built[-1:])
        return next((name for name in wished if name in built), "")

    def action_view(self) -> None:
        """Page through the samples."""
        from tarot_tui.tui.screens.samples import SamplesScreen

        if name := self._at_hand:
            self.app.push_screen(SamplesScreen(self.project, name))
        else:
            self.say(_("Build the dataset first."))

    def action_check(self) -> None:
        """Look for faults in the samples."""
        from tarot_tui.tui.screens.check import CheckScreen

        if name := self._at_hand:
            self.app.push_screen(CheckScreen(self.project, name))
        else:
            self.say(_("Build the dataset first."))

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """One of the buttons beside the main one."""
        if event.button.id == "view":
            self.action_view()
        elif event.button.id == "check":
            self.action_check()
        else:
            super().on_button_pressed(event)

    def _part(self, shown: str) -> None:
        self.query_one(RequestPreview).display = shown == "preview"
        self.query_one("#report").display = self.query_one(FindingList).display = shown == "report"


def _labelled(root: Path, path: str) -> Content:
    full = root / path
    try:
        volume = _("folder") if full.is_dir() else size(full.stat().st_size)
    except OSError:
        volume = _("missing")
    return Content(path.removeprefix("sources/")) + Content.styled(f"  {volume}", "$text-muted")

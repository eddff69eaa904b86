"""Step 3: the recipe as a form, and beside it the plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from textual.containers import Horizontal, Vertical
from textual.events import DescendantFocus
from textual.widget import Widget
from textual.widgets import Input, Label

from tarot_tui.errors import TarotError
from tarot_tui.findings import Finding
from tarot_tui.locale import N_, _
from tarot_tui.project import safe_name, write_text
from tarot_tui.training import recipe as recipes
from tarot_tui.training.fixes import all_changes, changes
from tarot_tui.tui import commands, spread, steps
from tarot_tui.tui.beginnings import Beginning, beginnings, suggested
from tarot_tui.tui.keys import Key, bindings, table
from tarot_tui.tui.screens.step import StepScreen
from tarot_tui.tui.widgets.choice import Choice
from tarot_tui.tui.widgets.finding_list import FindingList
from tarot_tui.tui.widgets.plan_view import PlanView
from tarot_tui.tui.widgets.recipe_form import RecipeForm


class ParametersScreen(StepScreen):
    """Choose a recipe, change it, see what it would do, keep it."""

    STEP = "parameters"
    KEYS = table(
        "parameters",
        Key("f", "f", "fix", N_("fix"), N_("Make the change that mends the chosen finding, or the worst one.")),
        Key("F", "F", "fix_all", N_("fix all"), N_("Make every change that mends a finding."), quiet=True),
        Key("u", "u", "undo", N_("undo"), N_("Take the latest fix back.")),
        Key(
            "slash", "/", "search", N_("search"),
            N_("Show only the settings whose name or help holds what you type."),
        ),
        Key("a", "a", "all", N_("all settings"), N_("Show the settings that beginners need not know, or fold them.")),
        Key("b", "b", "models", N_("base model"), N_("Choose the base among those here and on the hub.")),
        Key(
            "m", "m", "measure", N_("measure"),
            N_("Take a few real steps to measure memory and time; again to stop that."),
        ),
    )  # fmt: skip
    BINDINGS = bindings(KEYS)
    FIELDS = {
        "recipe": N_("What the form begins with: a recipe of this project, a preset, or the defaults."),
        "save-as": N_("The name of the file in recipes/ that keeps what the form says."),
        "engine": N_(
            "What trains: our own engine, or LLaMA-Factory where 'tarot-tui engines install' has put it."
        ),
        "search": N_("Shows only the settings whose name or help holds what you type here."),
    }
    DEFAULT_CSS = """
    ParametersScreen #search-label, ParametersScreen #engine-label {
        margin-left: 2; width: auto; padding-right: 1;
    }
    ParametersScreen #engine { max-width: 18; }
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._loaded: Beginning | None = None
        self._before: list[dict[str, Any]] = []
        self._measuring = False
        #: What is said once instead of what saving would do.
        self._note = ""

    def body(self) -> Iterable[Widget]:
        """The recipe and its name above, the form and the plan below (or side by side, where it is wide)."""
        name, search = Input(id="save-as", compact=True), Input(id="search", compact=True)
        name.cursor_blink = search.cursor_blink = False
        yield Vertical(
            Horizontal(
                Label(_("Recipe"), classes="label"),
                Choice(id="recipe"),
                *self._engines(),
                classes="row",
            ),
            Horizontal(
                Label(_("Save as"), classes="label"),
                name,
                Label(_("Search"), classes="field", id="search-label"),
                search,
                classes="row",
            ),
            id="which",
        )
        yield Horizontal(
            Vertical(RecipeForm(), id="form"),
            Vertical(PlanView(fix_key="f"), id="plan"),
            id="recipe-and-plan",
        )

    def _engines(self) -> Iterable[Widget]:
        """A choice of engines, where there is another one than ours."""
        offered = steps.engines()
        if len(offered) > 1:
            yield Label(_("Engine"), classes="field", id="engine-label")
            yield Choice(offered, steps.chosen_engine(self.project), id="engine")

    def is_possible(self, verb: str) -> bool:
        """Mending what the plan found, where a change of the recipe does; taking it back, where there is something."""
        if verb in ("fix", "fix_all"):
            return bool(all_changes(self.query_one(FindingList).findings))
        return bool(self._before) if verb == "undo" else super().is_possible(verb)

    def keepsake(self) -> Any:
        """The recipe that was begun with, what the form says, its name, and what can be taken back."""
        name = self.query_one("#save-as", Input).value
        return (
            self.query_one("#recipe", Choice).value,
            self.query_one(RecipeForm).values(),
            name,
            self._before,
        )

    def inherit(self, keepsake: Any) -> None:
        """The same recipe, changed as it was."""
        begun_with, values, name, before = keepsake
        with self.prevent(Choice.Changed):
            self.query_one("#recipe", Choice).choose(begun_with)
        self._load(self._chosen())
        with self.prevent(Input.Changed):
            self.query_one("#save-as", Input).value = name
        self.query_one(RecipeForm).fill(values)
        self._before = before
        self._judge()

    # ---- which recipe

    def look(self) -> None:
        """Offer the recipes; fill the form anew only when another file is to be shown, so that no typing is lost."""
        offered = beginnings(self.project)
        choice = self.query_one("#recipe", Choice)
        wanted = self._loaded.key if self._loaded else suggested(self.project, offered)
        choice.set_options([(one.label, one.key) for one in offered], wanted)
        chosen = self._chosen()
        if self._loaded is None or (self._loaded.key, self._loaded.written) != (chosen.key, chosen.written):
            self._load(chosen)
        else:
            self._judge()

    def on_choice_changed(self, event: Choice.Changed) -> None:
        """Another recipe, or another engine."""
        if event.choice.id == "recipe":
            self._load(self._chosen())
        elif event.choice.id == "engine":
            self.project.remember("engine", event.choice.value)
            self._judge()

    def _chosen(self) -> Beginning:
        key = self.query_one("#recipe", Choice).value
        return next(one for one in beginnings(self.project) if one.key == key)

    def _load(self, beginning: Beginning) -> None:
        self._loaded = beginning
        self._before.clear()
        try:
            values = beginning.values(self.project)
        except TarotError as error:
            self._unusable(str(error))
            return
        known = steps.dataset_names(self.project)
        if not set(values.get("dataset", [])) <= set(known) or not values.get("dataset"):
            built = self.project.recall("dataset")
            values["dataset"] = [built] if built in known else values.get("dataset") or known[:1]
        with self.prevent(Input.Changed):
            self.query_one("#save-as", Input).value = beginning.name or self._new_name(beginning)
        self.query_one(RecipeForm).fill(values)
        self._judge()

    def _unusable(self, sentence: str) -> None:
        self.query_one(PlanView).nothing("")
        self.failed(sentence)
        self.offer(_("Save and go on to Train"), None)

    def _new_name(self, beginning: Beginning) -> str:
        taken = steps.recipe_names(self.project)
        first = beginning.preset or "first"
        return next(name for name in (first, *(f"recipe-{i}" for i in range(2, 1000))) if name not in taken)

    # ---- what it would do

    def on_recipe_form_changed(self) -> None:
        """A value was changed."""
        self._judge()
        self._note = ""

    def on_input_changed(self, event: Input.Changed) -> None:
        """Another name to save under, or other settings to be shown."""
        if event.input.id == "save-as":
            self._judge(plan=False)
        elif event.input.id == "search":
            self.query_one(RecipeForm).show_only(event.value)

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Say what the parameter in focus does."""
        self._explain()

    def help_for(self, widget: Widget | None) -> str:
        """What the field is for; of a parameter also what is allowed, and what more or less of it does."""
        return self.query_one(RecipeForm).help_for(widget) or super().help_for(widget)

    def _judge(self, *, plan: bool = True) -> None:
        """Check the form, say what saving would do, and have the plan computed."""
        form, view = self.query_one(RecipeForm), self.query_one(PlanView)
        try:
            recipe = form.check()
            name = safe_name(self.query_one("#save-as", Input).value.strip(), _("recipe"))
        except TarotError as error:
            self._unusable(str(error))
            return
        if recipe is None:
            view.nothing(_("Mend what is marked, then the plan is computed."))
            self.offer(_("Save and go on to Train"), None)
            return
        self.show_command(self._command(name))
        self._explain()
        self.offer(_("Go on to Train") if self._unchanged(name) else _("Save and go on to Train"), self._save)
        if plan:
            self._measuring = False
            view.compute(self.project, self._planning())

    def _planning(self) -> list[str]:
        """Plans what the form says, from the file it began with, and fetches no base model for that."""
        assert self._loaded is not None
        return [*self._train(self._loaded), "--no-download"]

    def _train(self, beginning: Beginning) -> list[str]:
        engine, where = steps.chosen_engine(self.project), spread.words(self.project)
        return commands.train(beginning.name, self._changes(), dry_run=True, engine=engine, where=where)

    def _command(self, name: str) -> list[str]:
        """What does the same from the shell: a run of the changed recipe, or the new file."""
        beginning = self._loaded
        if beginning and beginning.name:
            return self._train(beginning)
        preset = beginning.preset if beginning else ""
        return commands.recipe_new(name, preset, self._changes(beginning.stored if beginning else {}))

    def _explain(self) -> None:
        name = self.query_one("#save-as", Input).value.strip()
        if self._note:
            self.say(self._note)
        elif help_text := self.query_one(RecipeForm).line_for(self.focused):
            self.say(help_text)
        elif self._unchanged(name):
            self.say(_("recipes/{name}.yaml is used as it is.").format(name=name))
        elif name in steps.recipe_names(self.project):
            self.say(
                _("recipes/{name}.yaml will be rewritten with these values.").format(name=name), "warning"
            )
        else:
            self.say(_("recipes/{name}.yaml will be written.").format(name=name))

    def _changes(self, stored: Mapping[str, Any] | None = None) -> dict[str, str]:
        """What differs from the chosen recipe's file (or from ``stored``), as ``--set`` takes it."""
        if stored is None:
            stored = self._loaded.stored if self._loaded and self._loaded.name else {}
        before = {field.name: stored.get(field.name, field.default) for field in recipes.fields()}
        values = self.query_one(RecipeForm).values()
        return {name: _scalar(value) for name, value in values.items() if value != before[name]}

    def _unchanged(self, name: str) -> bool:
        return bool(name and self._loaded) and name == self._loaded.name and not self._changes()

    # ---- fixing and measuring

    def action_fix(self) -> None:
        """Make the change that mends the finding in focus, else the worst that has one."""
        found = self.query_one(FindingList)
        chosen = [found.chosen] if found.chosen and found.has_focus else found.findings
        fixable = next((one for one in chosen if changes(one.fix)), None)
        self._fix([fixable] if fixable else [])

    def action_fix_all(self) -> None:
        """Make every change that mends a finding."""
        self._fix(self.query_one(FindingList).findings)

    def _fix(self, findings: list[Finding]) -> None:
        asked = all_changes(findings)
        if not asked:
            self.say(_("No change of the recipe mends this."))
            return
        form = self.query_one(RecipeForm)
        before = form.values()
        values = dict(recipes.parse_override(f"{key}={value}") for key, value in asked.items())
        try:
            made = recipes.validate({**before, **values})
        except TarotError as error:
            self.failed(str(error))
            return
        self._before.append(before)
        form.change({key: getattr(made, key) for key in values})
        form.row(next(iter(values))).scroll_visible(animate=False)
        self._note = _("Changed: {changes}. u takes it back.").format(
            changes=", ".join(f"{key}: {value}" for key, value in asked.items())
        )

    def action_undo(self) -> None:
        """Take the latest fix back."""
        if not self._before:
            self.say(_("There is nothing to take back."))
            return
        self.query_one(RecipeForm).fill(self._before.pop())
        self._judge()

    def action_measure(self) -> None:
        """Take a few real steps beside the screen, or stop that."""
        if self.query_one(RecipeForm).check() is None:
            return
        self._measuring = not self._measuring
        view = self.query_one(PlanView)
        if self._measuring:
            argv = [*self._planning(), "--probe"]
            view.compute(self.project, argv, doing=_("measuring a few real steps; m stops…"))
        else:
            view.compute(self.project, self._planning())

    def on_plan_view_computed(self) -> None:
        """Whatever was computed is there."""
        self._measuring = False
        self.refresh_bindings()

    # ---- keeping it

    def _save(self) -> None:
        recipe = self.query_one(RecipeForm).check()
        name = self.query_one("#save-as", Input).value.strip()
        if recipe is None:
            return
        if not self._unchanged(name):
            write_text(self.project.recipes / f"{name}.yaml", recipes.dump(recipe))
        self.project.remember("recipe", name)
        self._loaded = None
        self.action_next()

    # ---- what is shown

    def action_search(self) -> None:
        """Go to the field that filters the settings."""
        self.query_one("#search", Input).focus()

    def action_models(self) -> None:
        """Choose the base model from a list."""
        from tarot_tui.tui.screens.models import ModelsScreen

        form = self.query_one(RecipeForm)
        screen = ModelsScreen(self.project, str(form.values().get("model_name_or_path") or ""))

        def take(_chosen: bool | None) -> None:
            if screen.chosen:
                form.change({"model_name_or_path": screen.chosen})

        self.app.push_screen(screen, take)

    def action_all(self) -> None:
        """Unfold the other settings, or fold them."""
        self.query_one(RecipeForm).fold_all()


def _scalar(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(value)
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)

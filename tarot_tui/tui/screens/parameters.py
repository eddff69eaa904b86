"""Step 3: the recipe as a form, and beside it the plan."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from textual.containers import Horizontal, Vertical
from textual.events import DescendantFocus
from textual.widget import Widget
from textual.widgets import Input, Label

from tarot_tui.errors import TarotError
from tarot_tui.locale import N_, _
from tarot_tui.project import read_yaml, safe_name, write_text
from tarot_tui.training import recipe as recipes
from tarot_tui.tui import commands, steps
from tarot_tui.tui.keys import Key
from tarot_tui.tui.screens.step import StepScreen
from tarot_tui.tui.widgets.choice import Choice
from tarot_tui.tui.widgets.plan_view import PlanView
from tarot_tui.tui.widgets.recipe_form import RecipeForm

#: The recipe that begins with the defaults.
_NEW = ""


class ParametersScreen(StepScreen):
    """Choose a recipe, change it, see what it would do, keep it."""

    STEP = "parameters"
    KEYS = (
        Key(
            "a",
            "a",
            "all",
            N_("all settings"),
            N_("Show the settings that beginners need not know, or fold them."),
        ),
    )
    BINDINGS = [binding for key in KEYS for binding in key.bindings()]

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._loaded: tuple[str, float] | None = None
        self._stored: dict[str, Any] = {}

    def body(self) -> Iterable[Widget]:
        """The recipe and its name above, the form and the plan below (or side by side, where it is wide)."""
        name = Input(id="save-as", compact=True)
        name.cursor_blink = False
        yield Vertical(
            Horizontal(Label(_("Recipe"), classes="label"), Choice(id="recipe"), classes="row"),
            Horizontal(Label(_("Save as"), classes="label"), name, classes="row"),
            id="which",
        )
        yield Horizontal(
            Vertical(RecipeForm(), id="form"), Vertical(PlanView(), id="plan"), id="recipe-and-plan"
        )

    # ---- which recipe

    def look(self) -> None:
        """Offer the recipes; fill the form anew only when another file is to be shown, so that no typing is lost."""
        names = steps.recipe_names(self.project)
        choice = self.query_one("#recipe", Choice)
        options = [(name, name) for name in names] + [(_("a new one, from the defaults"), _NEW)]
        wanted = choice.value if self._loaded else self._suggested(names)
        choice.set_options(options, wanted)
        if self._loaded != (choice.value, self._written_at(choice.value)):
            self._load(choice.value)
        else:
            self._judge()

    def on_choice_changed(self, event: Choice.Changed) -> None:
        """Another recipe."""
        if event.choice.id == "recipe":
            self._load(event.choice.value)

    def _suggested(self, names: list[str]) -> str:
        """The recipe that was settled; else the first with the least in its way, so that enter leads to a run."""
        return steps.chosen_recipe(self.project) or min(names, key=self._obstacles, default=_NEW)

    def _obstacles(self, name: str) -> tuple[bool, bool, bool]:
        # It is broken; its base may have to be downloaded, if it can be; its datasets are not built.
        from tarot_tui.training.base import EMBEDDED

        try:
            found = recipes.load(self.project, self._file(name))
        except TarotError:
            return True, True, True  # shown when it is chosen
        base = found.model_name_or_path
        here = base == EMBEDDED or self.project.resolve(base).is_dir()
        return False, not here, not set(found.dataset) <= set(steps.dataset_names(self.project))

    def _load(self, name: str) -> None:
        self._loaded = (name, self._written_at(name))
        self._stored = {}
        try:
            if name:
                path = self._file(name)
                self._stored = recipes.load(self.project, path).model_dump(include=set(read_yaml(path)))
        except TarotError as error:
            self._unusable(str(error))
            return
        values = dict(self._stored)
        known = steps.dataset_names(self.project)
        if not set(values.get("dataset", [])) <= set(known) or not values.get("dataset"):
            built = self.project.recall("dataset")
            values["dataset"] = [built] if built in known else values.get("dataset") or known[:1]
        self.query_one("#save-as", Input).value = name or self._new_name()
        self.query_one(RecipeForm).fill(values)
        self._judge()

    def _unusable(self, sentence: str) -> None:
        self.query_one(PlanView).nothing("")
        self.failed(sentence)
        self.offer(_("Save and go on to Train"), None)

    def _new_name(self) -> str:
        taken = steps.recipe_names(self.project)
        return next(name for name in ("first", *(f"recipe-{i}" for i in range(2, 1000))) if name not in taken)

    # ---- what it would do

    def on_recipe_form_changed(self) -> None:
        """A value was changed."""
        self._judge()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Another name to save under."""
        if event.input.id == "save-as":
            self._judge(plan=False)

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Say what the parameter in focus does."""
        self._explain()

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
        changes = self.changes()
        self.show_command(commands.train(name, {} if self._unchanged(name) else changes, dry_run=True))
        self._explain()
        self.offer(_("Go on to Train") if self._unchanged(name) else _("Save and go on to Train"), self._save)
        if plan:
            argv = commands.train(self._loaded[0], changes, dry_run=True)
            view.compute(self.project, argv if self._loaded[0] else _without_recipe(changes))

    def _explain(self) -> None:
        form = self.query_one(RecipeForm)
        name = self.query_one("#save-as", Input).value.strip()
        if help_text := form.help_for(self.focused):
            self.say(help_text)
        elif self._unchanged(name):
            self.say(_("recipes/{name}.yaml is used as it is.").format(name=name))
        elif name in steps.recipe_names(self.project):
            self.say(
                _("recipes/{name}.yaml will be rewritten with these values.").format(name=name), "warning"
            )
        else:
            self.say(_("recipes/{name}.yaml will be written.").format(name=name))

    def changes(self) -> dict[str, str]:
        """What differs from the chosen recipe's file, as ``--set`` takes it."""
        stored = {field.name: self._stored.get(field.name, field.default) for field in recipes.fields()}
        return {
            name: _scalar(value)
            for name, value in self.query_one(RecipeForm).values().items()
            if value != stored[name]
        }

    def _unchanged(self, name: str) -> bool:
        return bool(name) and name == self._loaded[0] and not self.changes()

    # ---- keeping it

    def _save(self) -> None:
        recipe = self.query_one(RecipeForm).check()
        name = self.query_one("#save-as", Input).value.strip()
        if recipe is None:
            return
        if not self._unchanged(name):
            write_text(self._file(name), recipes.dump(recipe))
        self.project.remember("recipe", name)
        self._loaded = None
        self.action_next()

    def action_all(self) -> None:
        """Unfold the other settings, or fold them."""
        from textual.widgets import Collapsible

        fold = self.query_one(Collapsible)
        fold.collapsed = not fold.collapsed

    def _file(self, name: str) -> Any:
        return self.project.recipes / f"{name}.yaml"

    def _written_at(self, name: str) -> float:
        try:
            return self._file(name).stat().st_mtime if name else 0.0
        except OSError:
            return 0.0


def _scalar(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(value)
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _without_recipe(changes: dict[str, str]) -> list[str]:
    return [word for word in commands.train("", changes, dry_run=True) if word]

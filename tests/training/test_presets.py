"""Recipes to begin with are valid, explained, and never written over; editors get a schema that says the same."""

from __future__ import annotations

import json
import re

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tarot_tui.cli import main
from tarot_tui.errors import BadInput
from tarot_tui.training import recipe
from tarot_tui.training.contradictions import contradictions
from tarot_tui.training.presets import blank, presets, shown, with_values
from tarot_tui.training.schema import json_schema


@pytest.mark.parametrize("one", presets(), ids=lambda one: one.name)
def test_every_preset_is_a_sound_recipe_with_remarks(one):
    found = recipe.validate(yaml.safe_load(one.text))
    assert found.logging_steps == 1 and 1e-4 <= found.learning_rate <= 1e-2 and found.cutoff_len >= 256
    assert one.about and len(one.about) < 110


def test_presets_go_from_the_smallest_machine_to_the_largest():
    assert [one.name for one in presets()] == ["try-it", "qlora-8b-24gb", "several-gpus", "old-tutorial"]


def test_a_blank_recipe_explains_every_key_and_means_the_defaults():
    text = blank("deck")
    assert recipe.validate(yaml.safe_load(text)) == recipe.validate({"dataset": "deck"})
    # Every remark that is a key may be switched on as it stands.
    for name in recipe.Recipe.model_fields:
        assert re.search(rf"^(# )?{name}:", text, re.MULTILINE), name
    every = re.sub(r"^# (?=[a-z0-9_]+:( \S*)?$)", "", text, flags=re.MULTILINE)
    assert set(yaml.safe_load(every)) == set(recipe.Recipe.model_fields)
    recipe.validate(yaml.safe_load(every))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_written_so_that_yaml_reads_the_same_number(value):
    assert yaml.safe_load(shown(value)) == value and isinstance(yaml.safe_load(shown(value)), float)


def test_values_are_put_into_their_lines_and_other_remarks_stay():
    text = with_values("# why\nlora_rank: 8 # old\n# seed: 42\n", ["lora_rank=4", "seed=7", "dataset=a,b"])
    assert text == "# why\nlora_rank: 4\nseed: 7\ndataset: a,b\n"


def test_a_new_recipe_is_written_once(project, capsys):
    at = ["--project", str(project.root)]
    assert (
        main(["recipe", "new", "--preset", "old-tutorial", "-o", "mine", "--set", "seed=7", "--json", *at])
        == 0
    )
    assert json.loads(capsys.readouterr().out) == {"recipe": "recipes/mine.yaml", "name": "mine"}
    before = (project.recipes / "mine.yaml").read_bytes()
    assert recipe.load(project, project.recipes / "mine.yaml").seed == 7
    assert main(["recipe", "new", "-o", "mine", *at]) == 2
    assert "--replace" in capsys.readouterr().err
    assert (project.recipes / "mine.yaml").read_bytes() == before
    assert main(["recipe", "new", "-o", "mine", "--replace", *at]) == 0
    assert (project.recipes / "mine.yaml").read_bytes() != before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--preset", "old-tutoril"], "did you mean 'old-tutorial'"),
        (["--set", "lora_rnk=3"], "did you mean 'lora_rank'"),
        (["-o", "../out"], "cannot name a recipe"),
    ],
)
def test_nothing_is_written_for_a_wrong_request(project, capsys, arguments, says):
    assert main(["recipe", "new", *arguments, "--project", str(project.root)]) == 2
    assert says in capsys.readouterr().err
    assert not list(project.recipes.iterdir())


def test_check_names_everything_that_is_wrong_at_once(project, capsys):
    (project.recipes / "r.yaml").write_text("dataset: a\nlearning_rte: 1e-4\nlora_rank: 0\nseed: x\n")
    assert main(["recipe", "check", "--json", "--project", str(project.root)]) == 2
    found = json.loads(capsys.readouterr().out)
    text = "\n".join(finding["text"] for finding in found["findings"])
    assert not found["valid"] and len(found["findings"]) == 3
    assert "did you mean 'learning_rate'" in text and "lora_rank: 0" in text and "seed: 'x'" in text


def test_check_knows_the_datasets_of_the_project(project, capsys):
    (project.data / "dataset_info.json").write_text(json.dumps({"tarot-zh": {"file_name": "z.json"}}))
    (project.recipes / "r.yaml").write_text("dataset: tarot_zh\n")
    at = ["--project", str(project.root)]
    assert main(["recipe", "check", *at]) == 2
    assert "fix: tarot-tui train r --project" in (out := capsys.readouterr().out)
    assert "--set dataset=tarot-zh --dry-run" in out
    assert main(["recipe", "check", "--set", "dataset=tarot-zh", *at]) == 0
    assert "is a valid recipe" in capsys.readouterr().out


def test_show_tells_given_values_from_those_that_hold_anyway(project, capsys):
    (project.recipes / "r.yaml").write_text("dataset: a\nlora_rank: 4\n")
    at = ["--project", str(project.root)]
    assert main(["recipe", "show", "r", "--set", "seed=7", *at]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "lora_rank: 4" in lines and "seed: 7" in lines
    assert "save_steps: 100  # as it is anyway" in lines
    assert main(["recipe", "show", "r", "--json", *at]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (
        found["lora_rank"]["given"]
        and found["lora_rank"]["value"] == 4
        and found["lora_rank"]["default"] == 16
    )


_VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 70), st.floats(-1, 2), st.sampled_from(["", "a", "a,b", "lora", "all"]),
    st.lists(st.sampled_from(["a", "b"]), max_size=2),
)  # fmt: skip
_SCHEMA = jsonschema.Draft202012Validator(json_schema())


def _alone(key: str, value: object) -> recipe.Recipe:
    return recipe.Recipe.model_validate({"dataset": "a", key: value})


@given(st.sampled_from([*recipe.Recipe.model_fields, "lora_rnk"]), _VALUES)
def test_whatever_the_schema_accepts_is_read(key, value):
    if _SCHEMA.is_valid({"dataset": "a", key: value}):
        try:
            recipe.validate({"dataset": "a", key: value})
        except BadInput as error:
            # What JSON schema cannot say: what does not go together, and that nothing is left of a list of empty names.
            if value not in ("", []):
                rules = [sentence for _key, sentence in contradictions(_alone(key, value))]
                assert str(error).removeprefix("recipe: ") in rules, (key, value)


@pytest.mark.parametrize("one", presets(), ids=lambda one: one.name)
def test_the_schema_accepts_every_preset(one):
    _SCHEMA.validate(yaml.safe_load(one.text))


def test_the_schema_is_printed_for_editors(capsys):
    assert main(["recipe", "schema"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["properties"]["lora_rank"]["description"] and found["additionalProperties"] is False

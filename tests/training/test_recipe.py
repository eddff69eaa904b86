"""A recipe is declared once, read strictly, and its errors say where, what, and what is allowed."""

from __future__ import annotations

import pytest

from tarot_tui.errors import BadInput
from tarot_tui.training import recipe


def test_it_reads_back_what_it_writes(project):
    path = project.recipes / "r.yaml"
    made = recipe.load(
        project, None, ["dataset=a,b", "learning_rate=3e-4", "quantization_bit=4", "bf16=true"]
    )
    path.write_text(recipe.dump(made))
    assert recipe.load(project, path) == made
    assert made.dataset == ["a", "b"] and made.learning_rate == 3e-4


def test_overrides_win_over_the_file_and_are_read_as_yaml(project):
    path = project.recipes / "r.yaml"
    path.write_text("dataset: [a, b]\nquantization_bit: 4\nlora_target: q_proj, v_proj\nlora_rank: 4\n")
    found = recipe.load(project, path, ["quantization_bit=", "dataset=c", "gradient_checkpointing=false"])
    assert (found.quantization_bit, found.dataset, found.lora_target) == (None, ["c"], ["q_proj", "v_proj"])
    assert found.gradient_checkpointing is False and found.alpha == 8


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "dataset: a\nlearning_rte: 1e-4\n",
            r"r\.yaml: unknown key 'learning_rte': did you mean 'learning_rate'\?",
        ),
        ("dataset: a\nlora_rank: 0\n", r"r\.yaml: lora_rank: 0 is not allowed.*at least 1"),
        ("dataset: a\nlora_rank: yes\n", r"r\.yaml: lora_rank: True is not allowed.*whole number"),
        ("dataset: a\nquantization_bit: 5\n", r"r\.yaml: quantization_bit: 5 is not allowed.*4, 8, or empty"),
        ("dataset: a\nlearning_rate: fast\n", r"learning_rate: 'fast' is not allowed.*a number"),
        ("dataset: a\nval_size: .nan\n", r"val_size: nan is not allowed"),
        ("lora_rank: 8\n", r"r\.yaml: 'dataset' is missing"),
        ("dataset: a\nbf16: true\nfp16: true\n", r"bf16 and fp16"),
        ("dataset: a\nmax_steps: 0\n", r"max_steps must be -1"),
        ("dataset: a\nfinetuning_type: full\nquantization_bit: 4\n", r"4 bits cannot be trained whole"),
        ("dataset: a\nfinetuning_type: full\nuse_dora: true\n", r"use_dora only has a meaning with .*lora"),
        ("dataset: a\nfinetuning_type: full\nadapter_name_or_path: x\n", r"adapter_name_or_path only has"),
        ("dataset: a\npure_bf16: true\n", r"pure_bf16 is for finetuning_type: full"),
        ("dataset: a\nfinetuning_type: full\npure_bf16: true\nfp16: true\n", r"leave bf16 and fp16 empty"),
        ("dataset: a\nearly_stopping_steps: 3\n", r"early_stopping_steps needs a measured loss"),
        (
            "dataset: a\nval_size: 9\nload_best_model_at_end: true\neval_steps: 5\n",
            r"load_best_model_at_end needs a checkpoint of every measurement",
        ),
        ("dataset: a\nadditional_target: 3\nloraplus_lr_ratio: 0\n", r"is not allowed"),
        ("- a\n", r"expected 'key: value' lines"),
        ("dataset: [a\n", r"r\.yaml, line \d+: not valid YAML"),
    ],
)
def test_a_mistake_is_named_with_file_key_and_what_is_allowed(project, text, says):
    path = project.recipes / "r.yaml"
    path.write_text(text)
    with pytest.raises(BadInput, match=says):
        recipe.load(project, path)


@pytest.mark.parametrize("override", ["lora_rank", "dataset=[a", "lora_rnk=3", "lora_rank=-3"])
def test_a_mistake_on_the_command_line_names_set(project, override):
    with pytest.raises(BadInput, match="--set"):
        recipe.load(project, None, ["dataset=a", override])


def test_recipes_are_found_by_name_path_or_being_the_only_one(project):
    with pytest.raises(BadInput, match="holds no recipe"):
        recipe.find(project, None)
    path = project.recipes / "only.yaml"
    path.write_text("dataset: a\n")
    assert (
        recipe.find(project, None) == recipe.find(project, "only") == recipe.find(project, str(path)) == path
    )
    (project.recipes / "other.yaml").write_text("dataset: a\n")
    with pytest.raises(BadInput, match="only, other"):
        recipe.find(project, None)
    with pytest.raises(BadInput, match="did you mean 'only'"):
        recipe.find(project, "onyl")


def test_every_field_can_be_shown_in_a_form():
    fields = {field.name: field for field in recipe.fields()}
    assert list(fields) == list(recipe.Recipe.model_fields)
    assert all(
        field.help and field.allowed and field.type in (bool, int, float, str, list)
        for field in fields.values()
    )
    assert fields["dataset"].required and fields["dataset"].type is list
    assert fields["quantization_bit"].choices == (4, 8) and fields["quantization_bit"].optional
    assert {"model_name_or_path", "dataset", "learning_rate", "num_train_epochs"} <= {
        field.name for field in fields.values() if field.basic
    }


def test_the_recipes_we_ship_are_sound(project):
    from importlib.resources import files

    shipped = sorted((files("tarot_tui") / "example" / "recipes").iterdir())
    assert {path.name for path in shipped} == {"try-it.yaml", "qlora-8b-24gb.yaml"}
    for path in shipped:
        found = recipe.load(project, path)
        assert found.learning_rate < 1e-2 and found.logging_steps < 10

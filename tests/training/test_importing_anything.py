"""Whatever stands in a foreign configuration, importing it ends with a recipe or with a reason."""

from __future__ import annotations

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tarot_tui.training import recipe as recipes
from tarot_tui.training.device import Device
from tarot_tui.training.importing import as_yaml, import_text
from tarot_tui.training.importing.names import RENAMED, SECRETS, SETTLED, SHARED

CPU = Device("cpu", "", "a CPU", 2**34, 2**33, bf16=True)
_ANY = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**12), 10**12), st.floats(), st.text(max_size=12),
    st.lists(st.text(max_size=5) | st.integers(), max_size=3), st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
)  # fmt: skip
_KEYS = st.sampled_from(
    [*SHARED, *SETTLED, *SECRETS, *RENAMED, "deepspeed", "template", "warmup_steps", "stage", "no_such"]
)


@settings(max_examples=80)
@given(st.dictionaries(_KEYS, _ANY, max_size=6), st.booleans())
def test_whatever_stands_in_it_there_is_a_sound_recipe_or_a_reason(project, values, board):
    args = {"dataset": "a", "model_name_or_path": "o/m"} | values
    given = {f"train.{key}": value for key, value in args.items()} if board else args
    found = import_text(project, yaml.safe_dump(given, allow_unicode=True), "given", (), CPU)
    if found.usable:
        assert recipes.validate(yaml.safe_load(as_yaml(found, "x"))) == found.recipe
    else:
        assert any(finding.severity == "error" for finding in found.findings)

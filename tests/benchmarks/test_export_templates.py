"""Every mistake of one character, at every place of every template: none gets through.

``TAROT_BENCH_SCALE`` below 1 leaves places out.
"""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from fakes.chat_families import CONVERTED, FAMILIES, folder_of, rendering_of
from fakes.mutants import accepted_mutants, held_out_difference, mutants

pytestmark = pytest.mark.benchmark
STEP = max(1, round(1 / float(os.environ.get("TAROT_BENCH_SCALE", "1"))))


@pytest.mark.parametrize("name", CONVERTED)
def test_no_template_with_one_mistake_is_accepted(name, tmp_path):
    source, rendering = rendering_of(folder_of(FAMILIES[name], tmp_path), FAMILIES[name])
    print(f"{name}: {len(list(mutants(source, STEP)))} mistakes")
    assert accepted_mutants(source, rendering, STEP) == []


@pytest.mark.parametrize("name", CONVERTED)
def test_no_tokenizer_with_one_mistake_gets_a_wrong_template(name, tmp_path):
    family, refused, followed = FAMILIES[name], 0, 0
    # A tenth of the places, since each is converted anew.
    for changed in mutants(family.source, 10 * STEP):
        other = replace(family, source=changed)
        found = rendering_of(folder_of(other, tmp_path), other)
        refused, followed = refused + (found is None), followed + (found is not None)
        assert found is None or held_out_difference(*found) is None, changed
    print(f"{name}: {followed} followed, {refused} refused")
    assert followed

"""No wrong Go template is ever accepted: mistakes are put into both templates, and looked for with unseen texts.

The whole sets of mistakes are tried in ``tests/benchmarks/test_export_templates.py``.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from fakes.chat_families import CONVERTED, FAMILIES, folder_of, rendering_of
from fakes.mutants import accepted_mutants, held_out, held_out_difference, mutants

from tarot_tui.export.chat_template import CannotRender, ChatTemplate
from tarot_tui.export.template import check


@pytest.mark.parametrize("name", CONVERTED)
def test_an_accepted_template_also_renders_what_the_converter_has_never_seen(name, tmp_path):
    assert held_out_difference(*rendering_of(folder_of(FAMILIES[name], tmp_path), FAMILIES[name])) is None


@pytest.mark.parametrize("name", CONVERTED)
def test_a_template_with_one_mistake_is_rejected(name, tmp_path):
    source, rendering = rendering_of(folder_of(FAMILIES[name], tmp_path), FAMILIES[name])
    assert check(source, rendering) is None
    assert accepted_mutants(source, rendering, step=11) == []


@pytest.mark.parametrize("name", CONVERTED)
def test_the_template_of_a_tokenizer_with_one_mistake_is_followed_exactly_or_refused(name, tmp_path):
    family = FAMILIES[name]
    for changed in mutants(family.source, len(family.source), seed=len(name)):
        other = replace(family, source=changed)
        found = rendering_of(folder_of(other, tmp_path), other)
        assert found is None or held_out_difference(*found) is None, changed


@pytest.mark.parametrize("name", CONVERTED)
def test_a_template_is_not_accepted_for_a_tokenizer_that_renders_otherwise(name, tmp_path):
    family = FAMILIES[name]
    source, rendering = rendering_of(folder_of(family, tmp_path), family)
    conversations = list(held_out(system=rendering.mode in ("first", "last"), count=18))
    for changed in mutants(family.source, max(1, len(family.source) // 2)):
        try:
            jinja = ChatTemplate(changed, rendering.jinja.tokens)
            same = all(jinja.render(one) == rendering.jinja.render(one) for one in conversations)
            assert same or check(source, replace(rendering, jinja=jinja)) is not None
        except CannotRender:
            continue

from __future__ import annotations

import libgguf
import numpy as np
import pytest

from tarot_tui.export import blocks
from tarot_tui.export.kquants import BLOCKS, Type

KINDS = [kind for kind in Type if kind not in (Type.F32, Type.F16, Type.BF16)]


@pytest.fixture
def forget():
    """Begin and end without what was found out before."""
    blocks._ggml.cache_clear()
    blocks._agree.cache_clear()
    yield
    blocks._ggml.cache_clear()
    blocks._agree.cache_clear()


@pytest.mark.parametrize("kind", KINDS)
def test_the_faster_build_makes_the_same_blocks(kind):
    rows = np.random.default_rng(7).standard_normal((33, 768)).astype(np.float32) / 30
    rows[3] = 0
    rows[4, ::5] *= 1000
    expected = libgguf.quantize_rows(rows, int(kind))
    assert blocks._agree(kind)
    found = blocks.quantise(rows, kind)
    assert found.shape == (33, 768 // BLOCKS[kind][0] * BLOCKS[kind][1])
    assert np.array_equal(found, expected)
    assert np.array_equal(blocks.quantise(rows[::2], kind), expected[::2])  # not contiguous


@pytest.mark.parametrize("folder", [[], ["/nowhere"]], ids=["no package", "no library"])
def test_without_it_the_other_does_the_work(monkeypatch, forget, folder):
    class Spec:
        submodule_search_locations = folder

    monkeypatch.setattr(blocks, "find_spec", lambda name: Spec if folder else None)
    rows = np.ones((2, 256), np.float32)
    assert not blocks._agree(Type.Q4_K)
    assert np.array_equal(blocks.quantise(rows, Type.Q4_K), libgguf.quantize_rows(rows, 12))


def test_a_build_that_makes_other_blocks_is_not_used(monkeypatch, forget):
    monkeypatch.setattr(blocks, "_with_ggml", lambda rows, kind: np.zeros(1, np.uint8))
    assert not blocks._agree(Type.Q6_K)


def test_a_library_of_another_kind_is_passed_over(monkeypatch, forget, tmp_path):
    (tmp_path / "broken.so").write_bytes(b"not a library")

    class Spec:
        submodule_search_locations = [str(tmp_path)]

    monkeypatch.setattr(blocks, "find_spec", lambda name: Spec)
    assert blocks._ggml() is None

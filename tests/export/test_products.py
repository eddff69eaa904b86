"""A product of an adapter's factors, added to a weight by rows."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

BY_ROWS = """
import sys
from pathlib import Path
import numpy as np
from tarot_tui.export.products import LowRank, Stored
from tarot_tui.export.safetensors_file import SafetensorsFile
with SafetensorsFile(Path(sys.argv[1])) as file:
    pair = LowRank(Stored(file, "a"), Stored(file, "b"), float(sys.argv[2]))
    rows, columns = pair.shape
    values = np.zeros(pair.shape, np.float32)
    first = 0
    for count in map(int, sys.argv[4:]):
        pair.load().add_to(values[first : first + count], first)
        first += count
    assert first == rows
    values.tofile(sys.argv[3])
"""


@pytest.mark.parametrize("scale", [0.5, 0.7, 2.0, 3.0])
@pytest.mark.parametrize("rank", [8, 64, 128])
def test_the_sums_are_torchs_however_the_rows_are_cut(in_child, tmp_path, rank, scale):
    torch.manual_seed(rank)
    a, b = torch.randn(rank, 1024), torch.randn(70, rank)
    save_file({"a": a, "b": b}, tmp_path / "factors.safetensors")
    expected = b @ a * scale
    for cut in ([70], [1] * 70, [33, 1, 34, 2]):
        in_child(BY_ROWS, tmp_path / "factors.safetensors", scale, tmp_path / "values", *cut)
        found = torch.from_file(str(tmp_path / "values"), size=70 * 1024, dtype=torch.float32)
        assert torch.equal(found.view(70, 1024), expected)

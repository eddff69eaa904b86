from __future__ import annotations

import json
import struct

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tarot_tui.errors import BadInput, Refused
from tarot_tui.export.safetensors_file import Checkpoint, SafetensorsFile, decode, encode


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(0)
    tensors = {
        "half": torch.randn(3, 5).half(),
        "brain": torch.randn(4, 2).bfloat16(),
        "single": torch.randn(7),
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 4),
    }
    path = tmp_path / "model.safetensors"
    save_file(tensors, path)
    return path, tensors


def test_reads_what_safetensors_wrote(saved):
    path, tensors = saved
    with SafetensorsFile(path) as file:
        assert set(file.tensors) == set(tensors)
        for name, tensor in tensors.items():
            assert np.array_equal(file.read(name), tensor.float().numpy())
            assert file.tensors[name].shape == tuple(tensor.shape)


@pytest.mark.parametrize("missing", [1, 60, 1000])
def test_a_file_that_ends_too_early_is_refused(saved, tmp_path, missing):
    path, _tensors = saved
    path.write_bytes(path.read_bytes()[:-missing])
    with pytest.raises(Refused, match="incomplete or damaged"):
        SafetensorsFile(path)


def header(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x01",
        struct.pack("<Q", 2**63) + b"{}",
        header("not json"),
        header("[]"),
        header('{"a": 1}'),
        header('{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 8]}}') + bytes(8),
        header('{"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, -4]}}'),
        header('{"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}') + bytes(8),
        header('{"a": {"dtype": "?", "shape": [1], "data_offsets": [0, 4]}}') + bytes(4),
        header('{"a": {"dtype": "F32", "shape": [1.0], "data_offsets": [0, 4]}}') + bytes(4),
        header("[" * 100_000),
    ],
)
def test_nonsense_is_refused_in_one_sentence(tmp_path, content):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(Refused, match="incomplete or damaged"):
        SafetensorsFile(path)


def test_a_missing_shard_and_a_missing_tensor_are_named(saved, tmp_path):
    path, _tensors = saved
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"half": "model.safetensors", "x": "other.safetensors"}}))
    with pytest.raises(BadInput, match=r"other\.safetensors does not exist"):
        Checkpoint(tmp_path)
    index.write_text(json.dumps({"weight_map": {"half": "model.safetensors", "gone": "model.safetensors"}}))
    with pytest.raises(Refused, match="'gone'"):
        Checkpoint(tmp_path)
    index.write_text(json.dumps({"weight_map": {"half": "../model.safetensors"}}))
    with pytest.raises(Refused, match="not an index"):
        Checkpoint(tmp_path)


def test_a_folder_of_pickles_is_refused(tmp_path):
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x02")
    with pytest.raises(BadInput, match="safetensors models only"):
        Checkpoint(tmp_path)


@pytest.mark.parametrize(("dtype", "torch_dtype"), [("BF16", torch.bfloat16), ("F16", torch.float16)])
def test_rounding_is_that_of_torch(dtype, torch_dtype):
    bits = np.random.default_rng(0).integers(0, 2**32, 500_000, dtype=np.uint32)
    values = bits.view(np.float32)
    values = values[np.isfinite(values) & (np.abs(values) < 3e38)]
    ties = (np.arange(65536, dtype=np.uint32) << 16 | 0x8000).view(np.float32)
    values = np.concatenate([values, ties[np.isfinite(ties)]])
    expected = torch.from_numpy(values.copy()).to(torch_dtype)
    found = encode(values, dtype)
    assert np.array_equal(found.view(np.uint16), expected.view(torch.int16).numpy().view(np.uint16))
    assert np.array_equal(decode(found.tobytes(), dtype), expected.float().numpy())

"""How long a conversation the release is served with."""

from __future__ import annotations

import json

import pytest

from tarot_tui.export.describe import context


@pytest.mark.parametrize(
    ("config", "trained", "expected"),
    [
        ({"max_position_embeddings": 131072}, 8192, 8192),  # what was trained
        ({"max_position_embeddings": 131072}, 512, 4096),  # and no less than Ollama's default
        ({"max_position_embeddings": 131072}, None, 4096),
        ({"max_position_embeddings": 2048}, 8192, 2048),  # as far as the model can hold it
        ({"n_positions": 1024}, 2048, 1024),
        ({"text_config": {"max_position_embeddings": 2048}, "vision_config": {}}, 4096, 2048),
        ({"max_position_embeddings": None}, 8192, 8192),
        ({"max_position_embeddings": "many", "text_config": []}, 8192, 8192),
    ],
)
def test_the_context_covers_what_was_trained(config, trained, expected, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert context(tmp_path, trained) == expected


def test_a_model_that_does_not_say_gets_what_was_trained(tmp_path):
    assert context(tmp_path, 16384) == 16384

"""The parts of the native engine, each against the plain thing it stands for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tarot_tui.training.encode import IGNORED, Sample, encode, load_tokenizer
from tarot_tui.training.engines.checkpoints import is_complete, last_complete

CHATS = [
    [
        {"role": "user", "content": "Name a card."},
        {"role": "assistant", "content": "The Fool, a new beginning."},
    ],
    [
        {"role": "user", "content": "And now a rather longer question?"},
        {"role": "assistant", "content": "愚者 🃏"},
    ],
    [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "first"},
        {"role": "user", "content": "two"},
        {"role": "assistant", "content": "second answer"},
    ],
]


@pytest.fixture(scope="module")
def samples(smollm2: Path) -> list[Sample]:
    return encode(load_tokenizer(smollm2), CHATS, 128)


def test_asking_for_logits_at_the_answers_only_changes_neither_loss_nor_gradient(smollm2, samples):
    import torch
    from transformers import AutoModelForCausalLM

    from tarot_tui.training.engines.batches import Collator, gives_chosen_logits

    model = AutoModelForCausalLM.from_pretrained(smollm2, dtype=torch.float32)
    assert gives_chosen_logits(model)
    weight = model.model.layers[0].mlp.down_proj.weight
    labelled = sum(sample.supervised for sample in samples)
    found = []
    for answers_only in (False, True):
        batch = Collator(2, answers_only)(samples)
        loss = model(**batch, num_items_in_batch=torch.tensor(labelled), use_cache=False).loss
        (gradient,) = torch.autograd.grad(loss, weight)
        found.append((loss.item(), gradient))
    (plain, plain_gradient), (chosen, chosen_gradient) = found
    assert chosen == pytest.approx(plain, rel=1e-5)
    assert torch.allclose(chosen_gradient, plain_gradient, rtol=1e-3, atol=1e-6)


def test_a_batch_asks_for_no_more_positions_than_have_labels(samples):
    from tarot_tui.training.engines.batches import Collator

    batch = Collator(2, answers_only=True)(samples)
    kept = batch["logits_to_keep"].tolist()
    expected = {
        place - 1
        for sample in samples
        for place, label in enumerate(sample.labels)
        if label != IGNORED and place
    }
    assert kept == sorted(expected)
    assert int((batch["labels"] != IGNORED).sum()) == sum(sample.supervised for sample in samples)
    for row, sample in enumerate(samples):
        assert int(batch["attention_mask"][row].sum()) == len(sample.input_ids)


def _checkpoint(folder: Path, step: int) -> Path:
    import torch
    from safetensors.torch import save_file

    path = folder / f"checkpoint-{step}"
    path.mkdir()
    save_file({"a": torch.zeros(4)}, path / "adapter_model.safetensors")
    for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth"):
        torch.save({"x": torch.zeros(4)}, path / name)
    (path / "trainer_state.json").write_text(json.dumps({"global_step": step}))
    return path


def test_the_last_whole_checkpoint_is_found_by_number(tmp_path):
    for step in (2, 10, 9):
        _checkpoint(tmp_path, step)
    (tmp_path / "checkpoint-11").mkdir()
    (tmp_path / "checkpoint-best").mkdir()
    assert last_complete(tmp_path) == tmp_path / "checkpoint-10"


@pytest.mark.parametrize(
    "name",
    ["adapter_model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json"],
)
def test_a_checkpoint_with_a_missing_or_torn_file_is_passed_over(tmp_path, name):
    path = _checkpoint(tmp_path, 3)
    assert is_complete(path)
    whole = (path / name).read_bytes()
    for torn in (b"", whole[: len(whole) // 2]):
        (path / name).write_bytes(torn)
        assert not is_complete(path)
    (path / name).unlink()
    assert last_complete(tmp_path) is None

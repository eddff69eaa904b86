"""An epoch among several processes holds every sample once, in the order of one process, and blanks behind."""

from __future__ import annotations

import pytest

from tarot_tui.training.encode import IGNORED, Sample


def _sample(number: int) -> Sample:
    return Sample(input_ids=[1, number], labels=[IGNORED, number], length=2, prompt=1, cut=0, ends=True)


@pytest.mark.parametrize(("count", "multiple", "blanks"), [(9, 4, 3), (8, 4, 0), (1, 6, 5)])
def test_every_sample_comes_once_and_the_rest_is_blank(count, multiple, blanks):
    from accelerate.data_loader import SeedableRandomSampler

    from tarot_tui.training.engines.even import EvenSampler, Padded
    from tarot_tui.training.order import permutation

    samples = Padded([_sample(number) for number in range(count)])
    sampler = EvenSampler(count, multiple, lambda epoch: permutation(count, 42 + epoch))
    alone = SeedableRandomSampler(range(count), data_seed=42)
    orders = []
    for epoch in (0, 1, 0):
        sampler.set_epoch(epoch)
        alone.set_epoch(epoch)
        orders.append(list(sampler))
        assert len(orders[-1]) == len(sampler) == count + blanks
        assert orders[-1][:count] == list(alone) and sorted(orders[-1][:count]) == list(range(count))
        assert not any(samples[index].supervised for index in orders[-1][count:])
    assert orders[0] == orders[2]


def test_a_batch_of_blanks_alone_teaches_nothing_and_breaks_nothing(tiny_llama):
    import torch
    from transformers import AutoModelForCausalLM

    from tarot_tui.training.engines.batches import Collator
    from tarot_tui.training.engines.even import Padded

    model = AutoModelForCausalLM.from_pretrained(tiny_llama, dtype=torch.float32)
    blank = Padded([])[0]
    for answers_only in (True, False):
        batch = Collator(0, answers_only=answers_only)([blank, blank])
        loss = model(**batch, num_items_in_batch=torch.tensor(5)).loss
        loss.backward()
        assert loss.item() == 0
        assert all(not weight.grad.any() for weight in model.parameters() if weight.grad is not None)

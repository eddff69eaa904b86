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


def test_what_is_measured_is_the_mean_over_all_tokens_whatever_the_batches(
    cards, tiny_llama, tiny_recipe, add_dataset, tmp_path
):
    import torch
    from transformers import AutoModelForCausalLM

    from tarot_tui.training.encode import load_tokenizer
    from tarot_tui.training.engines.native import make_trainer
    from tarot_tui.training.samples import prepare

    add_dataset(
        cards, "held", [("Say it.", "It is " + "so, " * times + "yes.") for times in (0, 1, 9, 2, 30)]
    )
    recipe = tiny_recipe(eval_dataset="held")
    samples, tokenizer = prepare(cards, recipe, tiny_llama), load_tokenizer(tiny_llama)
    request = {"device": {"kind": "cpu"}, "precision": "fp32"}

    def model():
        return AutoModelForCausalLM.from_pretrained(tiny_llama, dtype=torch.float32)

    alone = model()
    sums = torch.zeros(2)
    for one in samples.evaluation:
        loss = alone(input_ids=torch.tensor([one.input_ids]), labels=torch.tensor([one.labels])).loss
        sums += torch.tensor([loss.item() * one.supervised, one.supervised])
    for changes in ({"per_device_eval_batch_size": 1}, {}, {"flash_attn": "sdpa"}):
        asked = tiny_recipe(eval_dataset="held", **changes)
        trainer = make_trainer(model(), tokenizer, samples, asked, tmp_path, request)
        assert trainer.evaluate()["eval_loss"] == pytest.approx((sums[0] / sums[1]).item(), rel=1e-5)

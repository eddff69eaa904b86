"""An epoch that does not divide evenly among several processes, without learning any sample twice.

accelerate fills the last batches with samples from the epoch's beginning, so that a training on several processes is
another one than on one. Ours are filled with blank samples, of which nothing is learned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from torch.utils.data import DataLoader, Dataset, Sampler

from tarot_tui.training.encode import IGNORED, Sample
from tarot_tui.training.engines.batches import Item
from tarot_tui.training.engines.trainer import RecipeTrainer

#: One token: attention must have something to look at.
_BLANK = Sample(input_ids=[0], labels=[IGNORED], length=1, prompt=1, cut=0, ends=False)


class Padded(Dataset):
    """The items, and behind them as many blank samples as anybody asks for."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = items

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> Item:
        return self._items[index] if index < len(self._items) else _BLANK


def evened(samples: Sequence[Sample], multiple: int) -> list[Sample]:
    """The samples, and blanks behind them up to a multiple of ``multiple``."""
    return [*samples, *[_BLANK] * (-len(samples) % multiple)]


class EvenSampler(Sampler[int]):
    """An epoch's order of ``count`` items, and then blanks up to a multiple of ``multiple``."""

    def __init__(self, count: int, multiple: int, order: Callable[[int], Sequence[int]]) -> None:
        self._count, self._order, self._epoch = count, order, 0
        self._blanks = range(count, -(-count // multiple) * multiple)

    def set_epoch(self, epoch: int) -> None:
        """Take the order of that epoch; called by accelerate."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[int]:
        yield from self._order(self._epoch)
        yield from self._blanks

    def __len__(self) -> int:
        return self._count + len(self._blanks)


class EvenTrainer(RecipeTrainer):
    """Trainer for several processes, or for an order of its own; its ``train_dataset`` is a :class:`Padded`.

    order: of the dataset's indices, by the number of the epoch; see :func:`tarot_tui.training.order.epoch_order`.
    """

    _sampler: EvenSampler

    def __init__(self, *args: Any, order: Callable[[int], Sequence[int]], **options: Any) -> None:
        super().__init__(*args, **options)
        self._order = order

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> EvenSampler:
        # One process may end an epoch with a batch that is not full.
        several = self.args.world_size > 1
        batches = self.args.train_batch_size * self.args.world_size if several else 1
        self._sampler = EvenSampler(len(train_dataset or self.train_dataset), batches, self._order)
        return self._sampler

    def get_train_dataloader(self) -> DataLoader:
        """Trainer's, of which the sampler is also told the epoch when a resumed one skips batches."""
        loader = super().get_train_dataloader()
        loader.set_sampler(self._sampler)  # as accelerate does with its own, at every level of wrapping
        return loader

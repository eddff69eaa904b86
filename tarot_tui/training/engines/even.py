"""An epoch that does not divide evenly among several processes, without learning any sample twice.

accelerate fills the last batches with samples from the epoch's beginning, so that a training on several processes is
another one than on one. Ours are filled with blank samples, of which nothing is learned.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from accelerate.data_loader import SeedableRandomSampler
from torch.utils.data import DataLoader, Dataset, Sampler

from tarot_tui.training.encode import IGNORED, Sample
from tarot_tui.training.engines.trainer import RecipeTrainer

#: One token: attention must have something to look at.
_BLANK = Sample(input_ids=[0], labels=[IGNORED], length=1, prompt=1, cut=0, ends=False)


class Padded(Dataset):
    """The samples, and behind them as many blank ones as anybody asks for."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self._samples = samples

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> Sample:
        return self._samples[index] if index < len(self._samples) else _BLANK


class EvenSampler(Sampler[int]):
    """The order that one process has, every epoch another, and then blanks up to a multiple of ``multiple``."""

    def __init__(self, count: int, multiple: int, seed: int) -> None:
        self._order = SeedableRandomSampler(range(count), data_seed=seed)
        self._blanks = range(count, -(-count // multiple) * multiple)

    def set_epoch(self, epoch: int) -> None:
        """Take the order of that epoch; called by accelerate."""
        self._order.set_epoch(epoch)

    def __iter__(self) -> Iterator[int]:
        yield from self._order
        yield from self._blanks

    def __len__(self) -> int:
        return len(self._order) + len(self._blanks)


class EvenTrainer(RecipeTrainer):
    """Trainer for several processes, its ``train_dataset`` a :class:`Padded`."""

    _sampler: EvenSampler

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> EvenSampler:
        batches = self.args.train_batch_size * self.args.world_size
        count = len(train_dataset or self.train_dataset)
        self._sampler = EvenSampler(count, batches, self.args.data_seed)
        return self._sampler

    def get_train_dataloader(self) -> DataLoader:
        """Trainer's, of which the sampler is also told the epoch when a resumed one skips batches."""
        loader = super().get_train_dataloader()
        loader.set_sampler(self._sampler)  # as accelerate does with its own, at every level of wrapping
        return loader

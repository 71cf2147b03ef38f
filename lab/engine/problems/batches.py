"""The order in which mini-batches are seen."""

from collections.abc import Sequence

import torch

from lab.engine.problem import Batch
from lab.engine.seeds import generator


class EpochBatches:
    """Every sample once an epoch, in a new random order each time.

    The order is a function of (seed, stream, epoch) alone, so that any step can be replayed. Where
    the batch size does not divide the number of samples, the last batch of an epoch is shorter.
    """

    def __init__(self, seed: int, streams: Sequence[int], samples: int, size: int):
        """Say which order is meant.

        Args:
            seed: the experiment's seed.
            streams: one number for each run; runs of one number see the same batches.
            samples: how many there are.
            size: samples of a batch.
        """
        self._seed, self._samples, self._size = seed, samples, size
        self._streams = sorted(set(streams))
        self._rows = torch.tensor([self._streams.index(stream) for stream in streams])
        self._epoch = -1
        self._order = torch.empty(0)

    @property
    def steps_per_epoch(self) -> int:
        """How many batches an epoch has."""
        return -(-self._samples // self._size)

    def at(self, step: int) -> Batch:
        """The batch of a step: (runs, samples) indices, on the CPU."""
        epoch, place = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            self._order = torch.stack([self._permutation(s, epoch) for s in self._streams])
            self._order = self._order[self._rows]
            self._epoch = epoch
        return self._order[:, place * self._size : (place + 1) * self._size]

    def _permutation(self, stream: int, epoch: int) -> torch.Tensor:
        draws = generator(self._seed, "batches", stream, epoch)
        return torch.randperm(self._samples, generator=draws)

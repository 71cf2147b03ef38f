"""What the catalogue's networks share: their knobs, their loss, their start."""

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Annotated

import torch

from lab.engine.catalogue import Choice, choose
from lab.engine.knobs import Knob
from lab.engine.loss import Loss
from lab.engine.problems.activations import ActivationName
from lab.engine.problems.datasets import Dataset
from lab.engine.problems.network import MIXED, Network, check_loss, torch_start

CROSS_ENTROPY = Choice("loss", "cross_entropy", MappingProxyType({}))
MSE = Choice("loss", "mse", MappingProxyType({}))

Widths = Annotated[tuple[int, ...], Knob(1, 4096, doc="units of each hidden layer")]
Activation = Annotated[ActivationName, Knob(doc="nonlinearity of the hidden layers")]
Skip = Annotated[bool, Knob(doc="add its input to each hidden layer after the first")]
Norm = Annotated[bool, Knob(doc="batch normalisation before each activation")]
LossChoice = Annotated[Choice, Knob(kind="loss", doc="what is minimised")]
BatchSize = Annotated[int, Knob(0, 100_000, doc="samples of a mini-batch, 0 for all")]
Digits = Annotated[int, Knob(10, 1797, doc="how many of the 1,797 samples")]
Samples = Annotated[int, Knob(4, 100_000, scale="log", doc="how many samples are drawn")]
Noise = Annotated[float, Knob(0, 10, slider=(0, 1), doc="standard deviation of the noise")]
DataSeed = Annotated[int, Knob(0, 2**31 - 1, doc="seed of the data, apart from that of the runs")]


class NetworkEntry(Network):
    """A network of the catalogue: a dataclass with the knobs norm, loss and batch_size."""

    norm: bool
    loss: Choice
    batch_size: int

    @property
    @abstractmethod
    def dataset(self) -> Dataset:
        """Inputs and targets."""

    def __post_init__(self):
        """Accept a loss by name, table or object, and refuse what does not fit together.

        Raises:
            ValueError: a loss that does not fit the data, or batch normalisation of single samples.
        """
        object.__setattr__(self, "loss", choose("loss", self.loss))
        check_loss(self.criterion, self.dataset)
        if self.norm and self.batch_size == 1:
            raise ValueError("batch normalisation needs batch_size = 2 or more, or 0 for all data")

    @cached_property
    def criterion(self) -> Loss:
        """The loss itself."""
        return self.loss.make()

    def start(self, generators: Sequence[torch.Generator]) -> torch.Tensor:
        """Parameters drawn as torch's layers draw them: (runs, dim), see `torch_start`.

        Override for an entry that starts in another way.
        """
        return torch_start(self.layout, generators)

    @property
    def sample_trouble(self) -> str:
        """What batch normalisation does to single samples."""
        return MIXED if self.norm else ""

    @property
    def norm_text(self) -> str:
        """See `Problem.norm_text`."""
        return "training mode, of these samples" if self.norm else ""

    @property
    def data_text(self) -> str:
        """What a value is computed from."""
        norm = "; batch normalisation with the statistics of these samples" if self.norm else ""
        return super().data_text + norm

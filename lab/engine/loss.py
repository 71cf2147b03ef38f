"""What a loss is: a frozen dataclass of knobs, and a function of outputs and targets."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch.nn import functional

from lab.engine.catalogue import Choice, find
from lab.engine.noise import Noise

Array = np.ndarray | torch.Tensor | Sequence


class Loss(ABC):
    """How far outputs are from targets, averaged over samples.

    A loss of class targets compares C scores with the number of the right class; one of value
    targets compares numbers with numbers. Where a loss of values is used for classes, the targets
    are one-hot rows: 1 for the right class, 0 for the others.
    """

    targets: ClassVar[Literal["class", "value"]]
    hessian_trouble: ClassVar[str] = ""  # why second derivatives cannot be trusted, empty if fine
    # why no targets can be drawn, empty for the losses that have `draw_targets`
    likelihood_trouble: ClassVar[str] = "its loss does not say how likely the model holds a target"

    @abstractmethod
    def value(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The loss of many runs at once, differentiable by torch.

        Args:
            outputs: (..., N, C).
            targets: (..., N) whole numbers for class targets, (..., N, C) for values; leading axes
                may be left out where all runs see the same samples.

        Returns:
            (...), the mean over the N samples of each run.
        """

    def bending(
        self, outputs: torch.Tensor, targets: torch.Tensor
    ) -> Callable[[torch.Tensor], torch.Tensor]:
        """Products with the second derivative of the mean loss by the outputs.

        Two passes through a graph that is kept; a loss may have them written out instead.

        Args:
            outputs: (runs, N, C).
            targets: as `value` takes them.

        Returns:
            A function u (runs, N, C) -> Su (runs, N, C).
        """
        with torch.enable_grad():
            ends = outputs.detach().requires_grad_()
            value = self.value(ends, targets)
            (slopes,) = torch.autograd.grad(value.sum(), ends, create_graph=True)

        def bend(weight: torch.Tensor) -> torch.Tensor:
            if not slopes.requires_grad:  # a loss that is linear in the outputs
                return torch.zeros_like(weight)
            kept = {"retain_graph": True, "materialize_grads": True}
            return torch.autograd.grad(slopes, ends, weight, **kept)[0]

        return bend

    def draw_targets(self, outputs: torch.Tensor, noise: Noise, what: str) -> torch.Tensor:
        """Targets drawn from what the model itself holds likely.

        For a loss that is the negative logarithm of a probability of the targets, up to a constant
        and averaged over samples. The mean outer product of the gradients of single samples at such
        targets is then, in expectation, the Gauss-Newton matrix of the loss: the true Fisher.

        Args:
            outputs: (runs, N, C).
            noise: the random streams of these runs.
            what: the purpose of the draw.

        Returns:
            Targets as `value` takes them, (runs, N) or (runs, N, C).
        """
        raise NotImplementedError(f"{type(self).__name__}: {self.likelihood_trouble}")

    def fisher_root(self, outputs: torch.Tensor) -> torch.Tensor:
        """Gradients whose outer products sum to the Fisher matrix of the outputs.

        They are what `draw_targets` gives in the mean: the gradients of one sample's loss with
        respect to its outputs, at all targets, times the root of the target's probability.

        Args:
            outputs: (runs, N, C).

        Returns:
            (targets, runs, N, C)
        """
        raise NotImplementedError(f"{type(self).__name__}: {self.likelihood_trouble}")

    @property
    def choice(self) -> Choice:
        """Which entry of the catalogue this is, with its knobs."""
        name = type(self).catalogue_name
        knobs = {item.name: getattr(self, item.name) for item in find("loss", name).knobs}
        return Choice("loss", name, knobs)

    def __call__(self, outputs: Array, targets: Array) -> Any:
        """The mean loss over samples.

        Args:
            outputs: (N, C) scores, or any shape with a leading axis of samples for values.
            targets: (N,) class numbers, or an array of the shape of the outputs.

        Returns:
            A scalar: a tensor if the outputs are one (differentiable), a numpy number if not.

        Raises:
            ValueError: shapes or targets that do not fit.
        """
        scores, wanted = _tensor(outputs), _tensor(targets)
        if not scores.is_floating_point():
            scores = scores.to(torch.get_default_dtype())
        wanted = wanted.to(scores.device)
        check_fit(self, scores, wanted)
        wanted = self.prepared(wanted, scores.shape)
        if wanted.is_floating_point():
            wanted = wanted.to(scores.dtype).reshape(len(scores), -1)
            scores = scores.reshape(len(scores), -1)
        result = self.value(scores, wanted)
        return result if isinstance(outputs, torch.Tensor) else result.detach().cpu().numpy()[()]

    def prepared(self, targets: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
        """Bring targets into the form that `value` takes.

        Args:
            targets: (N,) class numbers, or values shaped like the outputs.
            shape: the shape of the outputs.

        Returns:
            (N,) class numbers, or values shaped like the outputs (one-hot rows for classes).
        """
        if self.targets == "class":
            return targets.long()
        if are_classes(self, targets, shape):
            targets = functional.one_hot(targets.long(), shape[-1])
        if not targets.is_floating_point():
            targets = targets.to(torch.float64)
        return targets.reshape(tuple(shape))


class SampleLoss(Loss):
    """A loss that is a mean of one number for each sample."""

    @abstractmethod
    def samples(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The loss of every sample: shapes as in `value`, result (..., N)."""

    def value(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The mean over samples, (...)."""
        return self.samples(outputs, targets).mean(-1)


def check_fit(loss: Loss, outputs: torch.Tensor, targets: torch.Tensor) -> None:
    """Refuse outputs and targets of one run that do not belong together.

    Args:
        loss: what is to compare them.
        outputs: (N, C), or any shape with a leading axis of samples.
        targets: see `Loss.prepared`.

    Raises:
        ValueError: naming what came and what is needed.
    """
    name = loss.choice.name
    shape, wanted = tuple(outputs.shape), tuple(targets.shape)
    if not shape or wanted[:1] != shape[:1]:
        raise ValueError(
            f"outputs of shape {shape} and targets of shape {wanted} must have "
            "the same number of samples"
        )
    classes = are_classes(loss, targets, shape)
    if loss.targets == "class" and not classes:
        kind = str(targets.dtype).removeprefix("torch.")
        raise ValueError(
            f"loss {name!r} needs outputs (samples, classes) and targets (samples,) of whole "
            f"numbers, not outputs {shape} and targets {wanted} of {kind}"
        )
    if loss.targets == "value" and not classes and _squeezed(shape) != _squeezed(wanted):
        raise ValueError(
            f"loss {name!r} needs targets of the outputs' shape {shape} (or class numbers, shape "
            f"{shape[:1]}), not of shape {wanted}"
        )
    if classes:
        check_classes(targets, shape[1])


def check_classes(targets: torch.Tensor, classes: int) -> None:
    """Refuse class numbers for which the outputs have no column.

    Raises:
        ValueError: naming the first wrong number and what is allowed.
    """
    wrong = targets[(targets < 0) | (targets >= classes)]
    if len(wrong):
        raise ValueError(
            f"target {int(wrong[0])} is no class: the outputs have {classes} columns, "
            f"which allows 0 to {classes - 1}"
        )


def are_classes(loss: Loss, targets: torch.Tensor, shape: Sequence[int]) -> bool:
    """Whether targets are class numbers; whole numbers against one column of values are values.

    Args:
        loss: what compares them.
        targets: of one run.
        shape: the shape of the outputs.
    """
    whole = not targets.is_floating_point() and not targets.is_complex()
    columns = shape[1] if len(shape) == 2 else 0
    return whole and targets.ndim == 1 and columns > (0 if loss.targets == "class" else 1)


def _squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without a last axis of one, which does not matter to a loss of values."""
    return shape[:-1] if len(shape) == 2 and shape[1] == 1 else shape


def _tensor(array: Array) -> torch.Tensor:
    if isinstance(array, torch.Tensor):
        return array
    try:
        return torch.from_numpy(np.array(array))  # a copy: never an alias of the user's array
    except (TypeError, ValueError) as error:
        raise ValueError(f"{array!r}: an array of numbers is needed") from error

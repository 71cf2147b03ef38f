"""The losses of the catalogue, and `loss`, which makes one by name."""

from typing import Any

from lab.engine.catalogue import choose
from lab.engine.loss import Loss
from lab.engine.losses import classification, regression

__all__ = ["Loss", "classification", "loss", "regression"]


def loss(name: Any, **knobs: Any) -> Loss:
    """Make a loss of the catalogue: a function of outputs and targets.

    Args:
        name: a name of the catalogue, or a table `{"name": ..., knob: ...}`.
        **knobs: knobs that differ from their defaults.

    Returns:
        The loss, to be called with outputs and targets, numpy or torch; a mean over samples.

    Raises:
        ValueError: an unknown name or knob, or a value out of range.

    Example:
        >>> round(float(loss("focal", gamma=2.0)([[1.5, -0.5, 0.25, -1.0]], [0])), 6)
        0.045817
    """
    chosen = choose("loss", name)
    return choose("loss", {"name": chosen.name, **chosen.knobs, **knobs}).make()

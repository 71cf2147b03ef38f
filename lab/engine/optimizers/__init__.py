"""The update rules of the catalogue, one family a file."""

from lab.engine.optimizers import (
    adam,
    adaptive,
    diffgrad,
    first_order,
    second_order,
    sharpness,
    torch_classes,
)

__all__ = [
    "adam",
    "adaptive",
    "diffgrad",
    "first_order",
    "second_order",
    "sharpness",
    "torch_classes",
]

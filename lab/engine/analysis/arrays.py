"""Arrays handed in by users, as tensors."""

from typing import Any

import numpy as np
import torch


def as_tensor(array: Any) -> torch.Tensor:
    """A tensor as it is, without its graph; anything else as a copy.

    A copy, because torch can neither alias a read-only array, as all those of a recording are, nor
    promise that nobody writes into an alias.

    Raises:
        ValueError: something that is not numbers.
    """
    if isinstance(array, torch.Tensor):
        return array.detach()
    try:
        return torch.from_numpy(np.array(array))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{array!r}: an array of numbers is needed") from error

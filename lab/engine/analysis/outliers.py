"""How many eigenvalues stand out from the bulk of a spectrum.

The Hessian of a classifier has about as many large eigenvalues as there are classes, and a bulk of
small ones (Sagun, Evci, Guney, Dauphin & Bottou 2017, arXiv 1706.04454). Where the one ends and the
other begins is read off as statistics counts factors: at the largest ratio of an eigenvalue to the
next one (the "eigenvalue ratio" estimator of Ahn & Horenstein 2013, Econometrica 81, section 2).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from lab.engine.analysis.base import Progress, Steps, analysis, check_count
from lab.engine.userarrays import as_tensor

LARGEST = 20  # eigenvalues that are looked at


@dataclass(frozen=True)
class Outliers:
    """The eigenvalues above the widest gap.

    Attributes:
        count: how many there are; 0 where there are not two positive eigenvalues.
        ratio: of the last one to the next eigenvalue; NaN likewise, infinite before a zero.
        edge: the geometric mean of these two: above it are the outliers.
        values: (count,), falling.
    """

    count: int
    ratio: float
    edge: float
    values: torch.Tensor


@analysis
def outliers(values: Any, largest: int = LARGEST) -> Steps[Outliers]:
    """Count the eigenvalues above the widest gap among the largest ones.

    Args:
        values: (n,), eigenvalues in any order: all of them, or at least the largest.
        largest: how many are looked at, the widest gap lies between two of them.

    Returns:
        `.count`, `.ratio`, `.edge`, `.values`.

    Raises:
        ValueError: no row of numbers.
    """
    given = as_tensor(values).detach()
    if given.ndim != 1:
        raise ValueError(f"values: one row of eigenvalues is needed, not shape {given.shape}")
    count, ratio, edge = widest_gap(
        given.cpu().double().numpy(), check_count("largest", largest, 2)
    )
    yield Progress(1.0)
    top = given.sort(descending=True).values[:count]
    return Outliers(count, ratio, edge, top)


def widest_gap(values: np.ndarray, largest: int = LARGEST) -> tuple[int, float, float]:
    """What `outliers` gives, without the values: count, ratio and edge."""
    top = np.sort(values[np.isfinite(values)])[::-1][:largest]
    top = top[top > 0]
    if len(top) < 2:
        return 0, float("nan"), float("nan")
    ratios = top[:-1] / top[1:]
    last = int(ratios.argmax())
    return last + 1, float(ratios[last]), float(np.sqrt(top[last] * top[last + 1]))

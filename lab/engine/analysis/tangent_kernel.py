"""The tangent kernel of a network against its targets, and against where training began.

Training is lazy while the kernel stays what it was, and rich once it turns towards the targets.
With J(x) the derivative of the outputs at x by the parameters, K(x, x') = sum over outputs of
J_c(x)·J_c(x'), and Y the targets,

    alignment = <K, YYᵀ> / |K| |YYᵀ|        (for one output yᵀKy / |K| |y|²)
    drift     = 1 - <K, K_0> / |K| |K_0|.

Source: Kumar, Bordelon, Gershman & Pehlevan 2024, "Grokking as the transition from lazy to rich
training dynamics", ICLR, arXiv 2310.06110, who call the alignment CKA although nothing is centred;
Cortes, Mohri & Rostamizadeh 2012 for the centred one, with K and YYᵀ centred over the samples. The
drift is the kernel distance of Fort et al. 2020, arXiv 2010.15110.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from lab.engine.analysis.base import Progress, Steps, analysis, as_point
from lab.engine.analysis.per_sample import output_gradients, some_samples
from lab.engine.device import check_memory
from lab.engine.problem import Problem

_BLOCK_NUMBERS = 1 << 22  # of one block of rows of a Jacobian


@dataclass(frozen=True)
class LazyRich:
    """How far training has left its start behind, and turned to the targets.

    Attributes:
        alignment: of the kernel with the targets, from 0 to 1; not centred.
        alignment_error: its standard error, for the samples that were left out (jackknife); 0 where
            all were seen, as of the others.
        centred: the alignment with both centred over the samples.
        centred_error: of it.
        drift: 1 less the cosine between the kernel and that at the start; from 0 to 1.
        drift_error: of it.
        movement: |theta - theta_0| / |theta_0|.
        samples: how many samples the kernels are made of.
        gradients: gradients of single outputs that were computed.
    """

    alignment: float
    alignment_error: float
    centred: float
    centred_error: float
    drift: float
    drift_error: float
    movement: float
    samples: int
    gradients: int


class Estimate(NamedTuple):
    """A number, and its standard error."""

    value: float
    error: float


@analysis
def lazy_rich(
    problem: Problem, theta: Any, start: Any, samples: int = 64, seed: int = 0
) -> Steps[LazyRich]:
    """Alignment of the tangent kernel with the targets, its drift, and the way of the parameters.

    Args:
        problem: a network with data.
        theta: (dim,).
        start: (dim,), where training began.
        samples: how many are looked at, drawn at random; 0 for all.
        seed: of the choice of samples.

    Raises:
        ValueError: a problem that is no network, or one whose samples look at each other.
    """
    point = as_point(problem, theta)
    first = as_point(problem, start).to(point)
    check_kernel(problem)
    chosen = some_samples(problem, samples, seed, like=point)
    targets = problem.kernel_targets(point)[chosen].cpu().double()
    kernel, gradients = yield from _kernel(problem, point, chosen, 0.0)
    at_start, more = yield from _kernel(problem, first, chosen, 0.5)
    wanted = targets @ targets.T
    unseen = math.sqrt(max(0.0, 1 - len(chosen) / problem.samples))
    plain, centred, kept = (
        _leaving_out(number, one, two, unseen)
        for number, one, two in (
            (cosine, kernel, wanted),
            (centred_cosine, kernel, wanted),
            (cosine, kernel, at_start),
        )
    )
    length = float(torch.linalg.vector_norm(first))
    moved = float(torch.linalg.vector_norm(point - first))
    return LazyRich(
        alignment=plain.value,
        alignment_error=plain.error,
        centred=centred.value,
        centred_error=centred.error,
        drift=max(0.0, 1 - kept.value),
        drift_error=kept.error,
        movement=moved / length if length else math.inf,
        samples=len(chosen),
        gradients=gradients + more,
    )


def check_kernel(problem: Problem) -> None:
    """Refuse a problem that has no tangent kernel of its samples.

    Raises:
        ValueError: saying why.
    """
    if not problem.kernel_outputs:
        raise ValueError(f"{problem.title} is no network, and a tangent kernel is made of outputs")
    if problem.sample_trouble:
        raise ValueError(f"samples have no outputs of their own: {problem.sample_trouble}")


def cosine(one: torch.Tensor, two: torch.Tensor) -> torch.Tensor:
    """Cosine between matrices (..., n, n); NaN where one is zero."""
    both = (one * two).sum((-2, -1))
    return both / torch.linalg.norm(one, dim=(-2, -1)) / torch.linalg.norm(two, dim=(-2, -1))


def centred_cosine(one: torch.Tensor, two: torch.Tensor) -> torch.Tensor:
    """The same of matrices that are centred over rows and columns."""
    return cosine(_centred(one), _centred(two))


def _centred(matrix: torch.Tensor) -> torch.Tensor:
    return (
        matrix
        - matrix.mean(-1, keepdim=True)
        - matrix.mean(-2, keepdim=True)
        + matrix.mean((-2, -1), keepdim=True)
    )


def _kernel(
    problem: Problem, point: torch.Tensor, chosen: torch.Tensor, done: float
) -> Steps[tuple[torch.Tensor, int]]:
    """The kernel (s, s) between samples in double precision, and how many gradients it took."""
    count, outputs = len(chosen), problem.kernel_outputs
    needed = count * outputs * problem.dim * point.element_size()
    check_memory(needed, point.device, f"the derivatives of {count * outputs} outputs")
    rows, block = [], max(1, _BLOCK_NUMBERS // problem.dim)
    for first in range(0, count, block):
        rows.append(output_gradients(problem, point, chosen[first : first + block]))
        yield Progress(done + 0.5 * min(1.0, (first + block) / count))
    jacobian = torch.cat(rows)  # (s, outputs, dim)
    kernel = sum(part.double() @ part.double().T for part in jacobian.unbind(1))
    return kernel.cpu(), count * outputs


def _leaving_out(
    number: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    one: torch.Tensor,
    two: torch.Tensor,
    unseen: float,
) -> Estimate:
    """A number of two matrices (s, s), and its error by leaving out one sample after the other.

    Args:
        number: of two matrices.
        one: the first of them.
        two: the second.
        unseen: the root of the part of the data that was not looked at.
    """
    value, count = float(number(one, two)), len(one)
    if not unseen or count < 3:
        return Estimate(value, 0.0 if not unseen else math.inf)
    others = [torch.arange(count) != i for i in range(count)]
    found = torch.stack([number(one[kept][:, kept], two[kept][:, kept]) for kept in others])
    spread = (found - found.mean()).square().sum() * (count - 1) / count
    return Estimate(value, float(spread.sqrt()) * unseen)

"""What single samples say at a point: their gradients, and their curvature as small factors."""

from typing import NamedTuple

import numpy as np
import torch

from lab.engine.analysis.base import Progress, Steps, check_count
from lab.engine.analysis.curvature import check_smooth
from lab.engine.analysis.sampling import points_in_block
from lab.engine.problem import Problem
from lab.engine.seeds import generator

EXACT_DIM = 200  # parameters up to which a sample's Hessian is computed whole
_FLAT = 1e-12  # share of the largest eigenvalue below which one counts as zero


class Factors(NamedTuple):
    """The curvature H_i = A_iᵀA_i of samples.

    Attributes:
        factors: (s, r, dim), A_i.
        form: "hessian" or "ggn".
        products: products or gradients that were computed.
    """

    factors: np.ndarray
    form: str
    products: int


def check_samples(problem: Problem) -> None:
    """Refuse a problem whose value is no mean over samples.

    Raises:
        ValueError: with the reason.
    """
    if problem.sample_trouble:
        raise ValueError(f"samples have no losses of their own: {problem.sample_trouble}")
    if not problem.samples:
        raise ValueError(f"samples are needed, and {problem.title} is no mean over any")


def some_samples(problem: Problem, count: int, seed: int, like: torch.Tensor) -> torch.Tensor:
    """Numbers of samples (s,) drawn at random without replacement, in their order.

    Args:
        problem: whose samples.
        count: how many; all of them where there are fewer, or for 0.
        seed: of the draw.
        like: a tensor on the device in question.

    Raises:
        ValueError: a problem without samples.
    """
    check_samples(problem)
    count = check_count("samples", count, 0)
    if not 0 < count < problem.samples:
        return torch.arange(problem.samples, device=like.device)
    order = torch.randperm(problem.samples, generator=generator(seed, "samples"))
    return order[:count].sort().values.to(like.device)


def sample_gradients(
    problem: Problem, point: torch.Tensor, chosen: torch.Tensor, share: float = 1.0
) -> Steps[torch.Tensor]:
    """Gradients (s, dim) of single samples' losses, a block at a time.

    Args:
        problem: with samples.
        point: (dim,).
        chosen: (s,) numbers of samples.
        share: of the whole work, for the progress.
    """
    rows = []
    block = points_in_block(problem, point)
    for first in range(0, len(chosen), block):
        batch = chosen[first : first + block, None]
        rows.append(problem.evaluate_with_gradient(point.repeat(len(batch), 1), batch)[1])
        yield Progress(share * min(1.0, (first + block) / len(chosen)))
    return torch.cat(rows)


def output_gradients(problem: Problem, point: torch.Tensor, part: torch.Tensor) -> torch.Tensor:
    """Gradients (s, outputs, dim) of single samples' outputs, those of the tangent kernel.

    Args:
        problem: with `kernel_outputs`.
        point: (dim,).
        part: (s,) numbers of samples.
    """
    with torch.enable_grad():
        theta = point.repeat(len(part), 1).requires_grad_()
        _, outputs = problem.evaluate_with_outputs(theta, part[:, None])
        return _rows(outputs, theta, problem.kernel_outputs)


def has_factors(problem: Problem) -> bool:
    """Whether the curvature of samples can be computed: few parameters, or a network."""
    return problem.dim <= EXACT_DIM or problem.kernel_outputs > 0


def curvature_factors(
    problem: Problem, point: torch.Tensor, chosen: torch.Tensor, share: float = 1.0
) -> Steps[Factors]:
    """The curvature of single samples' losses as A_iᵀA_i, a block at a time.

    Up to `EXACT_DIM` parameters it is the exact Hessian less its negative eigenvalues; for more the
    Gauss-Newton matrix, A_i = S_i^{1/2} J_i with J_i the derivative of the outputs and S_i the
    second derivative of the loss by them.

    Args:
        problem: with samples.
        point: (dim,).
        chosen: (s,) numbers of samples.
        share: of the whole work, for the progress.

    Raises:
        ValueError: no second derivatives, or a large problem that is no network.
    """
    check_smooth(problem)
    exact = problem.dim <= EXACT_DIM
    if not has_factors(problem):
        raise ValueError(
            f"the curvature of samples at more than {EXACT_DIM} parameters needs a network's "
            f"outputs: {problem.title} has none"
        )
    work = _hessians if exact else _jacobians
    block = max(1, points_in_block(problem, point) // (4 if exact else 1))
    rows, products = [], 0
    for first in range(0, len(chosen), block):
        part = chosen[first : first + block]
        factors = work(problem, point, part)
        rows.append(factors)
        products += len(part) * (problem.dim if exact else factors.shape[1])
        yield Progress(share * min(1.0, (first + block) / len(chosen)))
    whole = torch.cat(rows)
    if exact:  # rows are by rising eigenvalue: the first ones are zero in most problems
        size = whole.square().sum(-1)
        used = (size > _FLAT * size.max()).any(0)
        whole = whole[:, used] if used.any() else whole[:, -1:]
    return Factors(whole.numpy(), "hessian" if exact else "ggn", products)


def _hessians(problem: Problem, point: torch.Tensor, part: torch.Tensor) -> torch.Tensor:
    """Factors (s, dim, dim) of the exact Hessians, float64 on the CPU."""
    matrices = problem.hessian(point.repeat(len(part), 1), part[:, None])
    return _root(matrices.cpu().double())


def _jacobians(problem: Problem, point: torch.Tensor, part: torch.Tensor) -> torch.Tensor:
    """Factors (s, outputs, dim) of the Gauss-Newton matrices, float64 on the CPU."""
    with torch.enable_grad():
        theta = point.repeat(len(part), 1).requires_grad_()
        value, outputs = problem.evaluate_with_outputs(theta, part[:, None])  # (s,), (s, 1, C)
        count = outputs.shape[-1]
        jacobian = _rows(outputs, theta, count).cpu().double()  # (s, C, dim)
        (slopes,) = torch.autograd.grad(value.sum(), outputs, create_graph=True)
        bends = [
            torch.autograd.grad(
                slopes[:, 0, c].sum(), outputs, retain_graph=True, materialize_grads=True
            )[0][:, 0]
            for c in range(count)
        ]
    bend = torch.stack(bends, dim=1).cpu().double()  # (s, C, C)
    return _root(bend) @ jacobian


def _rows(outputs: torch.Tensor, theta: torch.Tensor, count: int) -> torch.Tensor:
    """Gradients (s, count, dim) of the first outputs (s, 1, C), each of its own theta (s, dim)."""
    rows = [
        torch.autograd.grad(
            outputs[:, 0, c].sum(), theta, retain_graph=True, materialize_grads=True
        )[0]
        for c in range(count)
    ]
    return torch.stack(rows, dim=1)


def _root(matrices: torch.Tensor) -> torch.Tensor:
    """R (s, n, n) with RᵀR the positive part of symmetric matrices (s, n, n)."""
    values, vectors = torch.linalg.eigh((matrices + matrices.mT) / 2)
    return values.clamp_min(0).sqrt()[:, :, None] * vectors.mT

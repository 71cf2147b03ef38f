"""The way to points without a gradient, whatever their index: Newton's method, damped.

Plain Newton goes to the nearest stationary point only from nearby. Here the length of the gradient
is made smaller in every step, after Levenberg (1944) and Marquardt (1963), with the gradient as the
residual and the Hessian as its derivative:

    x ← x - (H² + μ)⁻¹ H g = x - V Λ/(Λ² + μ) Vᵀ g,    H = V Λ Vᵀ,

so that minima, saddles and maxima all attract. A step that does not shorten the gradient is taken
back and μ raised; one that does lowers it, and near a point with a regular Hessian the step becomes
Newton's own. Directions without curvature (Λ = 0) are left alone. The search can end where H g = 0
and g ≠ 0, which is no stationary point: whoever asks looks at the gradient that is left.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from lab.engine.analysis.base import Progress, Steps

FIRST, LEAST, MOST = 1e-2, 1e-16, 1e12  # of μ, in squares of the largest curvature there
EASE, HARDEN = 0.1, 8.0  # what μ is multiplied by after a step that helped, and one that did not

Gradient = Callable[[torch.Tensor], torch.Tensor]  # points (n, d) -> (n, d)
Hessian = Callable[[torch.Tensor], Steps[torch.Tensor]]  # (n, d) -> (n, d, d), in slices


@dataclass
class Seekers:
    """Points on their way, side by side.

    Attributes:
        at: (n, d), where they are.
        gradient: (n, d), there.
        curves: (n, d), eigenvalues of the Hessian there, rising.
        along: (n, d, d), its eigenvectors, as columns.
        left: (n,), the length of the gradient.
        mu: (n,), the damping in squares of the largest curvature.
        usual: (n,), the largest curvature in modulus where they began.
        gradients: how many gradients were computed.
        hessians: how many Hessians.
    """

    at: torch.Tensor
    gradient: torch.Tensor
    curves: torch.Tensor
    along: torch.Tensor
    left: torch.Tensor
    mu: torch.Tensor
    usual: torch.Tensor
    gradients: int
    hessians: int


def seek(
    gradient: Gradient,
    hessian: Hessian,
    starts: torch.Tensor,
    iterations: int,
    tol: float,
    reach: float = torch.inf,
) -> Steps[Seekers]:
    """Lead points to where the gradient vanishes; every step yields them as its partial result.

    A point rests once its gradient is shorter than a ten-thousandth of `tol`, or when no step helps
    any more: with quadratic convergence the last digits cost one or two steps.

    Args:
        gradient: of the function.
        hessian: of the function; it may take several slices.
        starts: (n, d), double precision.
        iterations: steps of each, at most.
        tol: gradient length below which a point counts as stationary.
        reach: length of a step, at most.

    Returns:
        The points; those whose `left` is above `tol`, or not finite, did not arrive.
    """
    at = starts.clone()
    slope = gradient(at)
    yield Progress(0.5 / (iterations + 1))
    curves, along = _eigen((yield from _reporting(hessian(at), 0.5 / (iterations + 1))))
    left = torch.linalg.vector_norm(slope, dim=1)
    mu = torch.full_like(left, FIRST)
    usual = curves.abs().amax(dim=1)
    now = Seekers(at, slope, curves, along, left, mu, usual, len(at), len(at))
    for count in range(1, iterations + 1):
        done = count / (iterations + 1)
        going = (now.left > 1e-4 * tol) & (now.mu < MOST) & now.curves.isfinite().all(dim=1)
        which = going.nonzero()[:, 0]
        if not len(which):
            break
        yield Progress(done, now)
        trial = now.at[which] + _step(now, which, reach)
        found = gradient(trial)
        length = torch.linalg.vector_norm(found, dim=1)
        better = length < now.left[which]  # false for what is not a number
        now.mu[which] = torch.where(
            better, (EASE * now.mu[which]).clamp_min(LEAST), HARDEN * now.mu[which].clamp_min(1e-8)
        )
        moved, trial = which[better], trial[better]
        now.gradients += len(which)
        now.hessians += len(moved)
        if len(moved):
            now.at[moved], now.gradient[moved], now.left[moved] = (
                trial,
                found[better],
                length[better],
            )
            there = yield from _reporting(hessian(trial), done)
            now.curves[moved], now.along[moved] = _eigen(there)
    return now


def _reporting(steps: Steps[torch.Tensor], done: float) -> Steps[torch.Tensor]:
    """The same work; its reports say how far the search is."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value
        yield Progress(done)


def _step(now: Seekers, which: torch.Tensor, reach: float) -> torch.Tensor:
    """The damped steps (m, d) of some of the points."""
    curves, along = now.curves[which], now.along[which]
    inside = (along.mT @ now.gradient[which, :, None])[:, :, 0]  # the gradient by eigenvectors
    square = curves.square()
    floor = torch.finfo(curves.dtype).tiny
    damping = now.mu[which, None] * square.amax(dim=1, keepdim=True) + floor
    step = -(along @ (curves * inside / (square + damping))[:, :, None])[:, :, 0]
    length = torch.linalg.vector_norm(step, dim=1, keepdim=True)
    return step * (reach / length.clamp_min(floor)).clamp_max(1.0)


def _eigen(hessian: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Eigenvalues (n, d) and eigenvectors (n, d, d); NaN where the matrix is not finite."""
    finite = hessian.isfinite().all(dim=2).all(dim=1)
    curves, along = torch.linalg.eigh(torch.where(finite[:, None, None], hessian, 0.0))
    curves[~finite] = torch.nan
    return curves, along

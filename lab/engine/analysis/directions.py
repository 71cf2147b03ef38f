"""Directions in parameter space, and how long their pieces are made.

A random direction of equal length everywhere compares badly between networks: a ReLU network whose
one layer is scaled up and the next one down is the same function with other sharpness. Filter
normalisation gives every output unit's piece of the direction the length of that unit's weights.

Source: Li, Xu, Taylor, Studer & Goldstein 2018, "Visualizing the loss landscape of neural nets",
section 4. What one-dimensional tensors (biases, batch-norm scales) get differs between published
programs, so it is a choice here: "zero", as in the figures of that paper, or "code", a copy of the
parameters themselves, as in the program of the roughness index (arXiv 2103.11069).
"""

from typing import Any

import torch

from lab.engine.analysis.base import as_point
from lab.engine.knobs import check_name, shown
from lab.engine.layout import Layout
from lab.engine.problem import Problem
from lab.engine.seeds import generator

NORMALIZE = ("filter", "layer", "none")
BIAS = ("zero", "code")
_TINY = 1e-10  # keeps a piece of length zero from being divided by


def random_direction(dim: int, seed: int, *stream: str | int, like: torch.Tensor) -> torch.Tensor:
    """One standard normal direction (dim,), of the device and precision of another tensor."""
    draw = torch.randn(dim, generator=generator(seed, *stream), dtype=torch.float64)
    return draw.to(like)


def normalized(
    layout: Layout,
    directions: torch.Tensor,
    theta: torch.Tensor,
    normalize: str | None,
    bias: str = "zero",
) -> torch.Tensor:
    """Give the pieces of directions the lengths of the pieces of a point.

    Args:
        layout: where the pieces lie.
        directions: (M, dim).
        theta: (dim,).
        normalize: "filter" scales every output unit of every tensor of two or more axes to the
            length of that unit's weights; "layer" scales whole tensors; None or "none" changes
            nothing. A layout without such tensors (a surface, a function of a vector) is one
            piece, scaled to the length of theta.
        bias: what tensors of fewer axes get under "filter" and "layer": "zero" nothing, "code" a
            copy of theta's own.

    Returns:
        (M, dim)

    Raises:
        ValueError: an unknown word, or theta is zero, so that nothing is left of the directions.
    """
    normalize = check_name("none" if normalize is None else normalize, NORMALIZE, "normalize")
    check_name(bias, BIAS, "bias")
    if normalize == "none":
        return directions
    if not any(len(shape) > 1 for shape in layout.shapes):
        result = _rescaled(directions[:, None], theta[None, None])[:, 0]
    else:
        pieces, weights = layout.split(directions), layout.split(theta)
        for name, piece in pieces.items():
            weight = weights[name]
            if weight.ndim > 1:
                units = len(weight) if normalize == "filter" else 1
                scaled = _rescaled(piece.reshape(len(piece), units, -1), weight.view(units, -1))
                pieces[name] = scaled.view_as(piece)
            elif bias == "code":
                pieces[name] = weight.expand_as(piece)
            else:
                pieces[name] = torch.zeros_like(piece)
        result = layout.join(pieces)
    if not result.any():
        raise ValueError(
            f"normalize = {normalize!r} leaves nothing of a direction here, because the weights "
            "are all zero: use normalize=None"
        )
    return result


def given_directions(problem: Problem, directions: Any, like: torch.Tensor) -> torch.Tensor:
    """Directions handed in by a user as a tensor (M, dim), like another tensor.

    Raises:
        ValueError: another shape, or a direction that is zero or not finite.
    """
    try:
        rows = [as_point(problem, row) for row in directions]
    except TypeError:  # it has no rows
        rows = []
    if not rows:
        raise ValueError(
            f"directions = {shown(directions)}: rows of {problem.dim} numbers are needed"
        )
    result = torch.stack([row.to(like) for row in rows])
    bad = ~(result.isfinite().all(dim=1) & result.any(dim=1))
    if bad.any():
        raise ValueError(f"direction {int(bad.nonzero()[0])} is zero or not finite")
    return result


def _rescaled(pieces: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Pieces (M, units, size) with the lengths of weights (units, size)."""
    lengths = torch.linalg.vector_norm(weights, dim=-1)
    return pieces * (lengths / (torch.linalg.vector_norm(pieces, dim=-1) + _TINY))[..., None]

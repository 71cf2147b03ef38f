"""Residual networks with their derivatives, against nested differentiation."""

import pytest
import torch
from poisson import laplacian
from torch.nn import functional

from lab.engine.problems.jets import residual_jet, residual_layout

POINTS = torch.randn(5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def one(layout, theta, x, activation, *, skip):
    """The network at one point."""
    parts = layout.split(theta)
    y = parts["first.weight"] @ x + parts["first.bias"]
    for block in range(2):
        more = y
        for half in ("inner", "outer"):
            name = f"block{block}.{half}"
            more = activation(parts[f"{name}.weight"] @ more + parts[f"{name}.bias"])
        y = y + more if skip else more
    return (parts["last.weight"] @ y + parts["last.bias"])[0]


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize(("name", "function"), [("silu", functional.silu), ("tanh", torch.tanh)])
def test_value_gradient_and_laplacian(name, function, skip):
    layout = residual_layout(3, 4, 2)
    draws = torch.Generator().manual_seed(1)
    theta = torch.randn(2, layout.dim, generator=draws, dtype=torch.float64)
    jets = residual_jet(layout.split(theta), POINTS, name, skip=skip, laplacian=True)
    assert jets.shape == (2, 5, 5)
    for row, jet in zip(theta, jets, strict=True):

        def net(x, row=row):
            return one(layout, row, x, function, skip=skip)

        for x, column in zip(POINTS, jet.T, strict=True):
            torch.testing.assert_close(column[0], net(x))
            torch.testing.assert_close(column[1:4], torch.func.grad(net)(x))
            torch.testing.assert_close(column[4], laplacian(net, x))
    fewer = residual_jet(layout.split(theta), POINTS, name, skip=skip, laplacian=False)
    torch.testing.assert_close(fewer, jets[:, :4])
    own = residual_jet(layout.split(theta), POINTS.expand(2, 5, 3), name, skip=skip, laplacian=True)
    torch.testing.assert_close(own, jets)

import numpy as np
import pytest
import torch

import lab
from lab import analysis

RNG = np.random.default_rng(0)


def test_slices_of_a_quadratic_are_parabolas_with_the_planted_curvatures():
    planted = np.linspace(-2.0, 9.0, 40)
    basis = np.linalg.qr(RNG.normal(size=(40, 40)))[0]
    matrix = torch.tensor(basis @ np.diag(planted) @ basis.T)
    problem = lab.problem(lambda x: 0.5 * x @ matrix.to(x) @ x, dim=40)
    point = RNG.normal(size=40)
    found = analysis.slices(problem, point, 3 * basis.T[[0, 20, 39]], span=2.0, points=21)
    np.testing.assert_allclose(found.curvature, planted[[0, 20, 39]], rtol=1e-9)
    np.testing.assert_allclose(found.slope, (basis.T @ matrix.numpy() @ point)[[0, 20, 39]])
    s = found.s
    for loss, slope, curvature in zip(found.loss, found.slope, found.curvature, strict=True):
        np.testing.assert_allclose(loss, loss[10] + slope * s + curvature * s**2 / 2, rtol=1e-9)
    assert found.evaluations == 63


@pytest.mark.parametrize("line", ["dx", "v1"])
def test_reference_lines(w3, curvature, line):
    theta, along = curvature["W3_theta"], np.atleast_2d(curvature["W3_dx"])[0]
    if line == "v1":
        along = curvature["W3_top10_vectors"][0]
    length = np.linalg.norm(along)
    reach, points = float(curvature["line"][-1]) * length, len(curvature["line"])
    found = analysis.slices(w3, theta, along[None], span=reach, points=points)
    np.testing.assert_allclose(found.loss[0], curvature[f"W3_line_{line}"], rtol=1e-9)
    np.testing.assert_allclose(found.s / length, curvature["line"], atol=1e-12)
    hessian = curvature["W3_hessian"]
    unit = along / length
    assert found.curvature[0] == pytest.approx(unit @ hessian @ unit, rel=1e-9)
    assert found.slope[0] == pytest.approx(w3.gradient(theta) @ unit, rel=1e-9, abs=1e-12)
    where = theta + found.s[3] * unit
    expected = float(w3.metrics(torch.tensor(where)[None])["accuracy"])
    assert found.metrics["accuracy"][0, 3] == expected


def test_without_second_derivatives_there_is_no_curvature(toys, monkeypatch):
    problem = lab.problem("himmelblau")
    monkeypatch.setattr(type(problem), "hessian_trouble", "it has kinks", raising=False)
    found = analysis.slices(problem, [1.0, 2.0], np.eye(2), points=5)
    assert np.isnan(found.curvature).all()
    assert np.isfinite(found.loss).all()
    with pytest.raises(ValueError, match="zero or not finite"):
        analysis.slices(problem, [1.0, 2.0], [[0.0, 0.0]])

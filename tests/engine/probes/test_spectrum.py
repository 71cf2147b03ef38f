import numpy as np
import pytest
import torch

import lab
from lab.engine.probes import HessianSpectrum

RNG = np.random.default_rng(0)


def dense(problem, theta):
    point = torch.as_tensor(theta, dtype=torch.float64)
    full = torch.autograd.functional.hessian(lambda x: problem.evaluate(x[None])[0], point)
    return np.linalg.eigvalsh(full)


def test_all_eigenvalues_of_a_small_problem(see, measured):
    problem = lab.problem("beale")
    found, _ = measured(HessianSpectrum(), problem, see([[1.0, 0.4]], lr=0.01))
    wanted = dense(problem, [1.0, 0.4])
    np.testing.assert_allclose(np.sort(found.arrays["eigenvalues"]), wanted, rtol=1e-10)
    assert found.info["lambda_max"] == pytest.approx(wanted[-1])
    assert found.info["lambda_min"] == pytest.approx(wanted[0])
    assert found.info["trace"] == pytest.approx(wanted.sum())
    assert found.info["two_over_lr"] == pytest.approx(200)
    assert found.info["exact"]
    assert set(found.arrays) == {"eigenvalues", "residuals"}


def test_the_top_and_the_density_of_a_larger_one(see, measured):
    problem = lab.problem("moons_mlp")
    theta = RNG.normal(size=problem.dim)
    found, slices = measured(HessianSpectrum(k=6, probes=8, steps=30), problem, see(theta))
    exact = dense(problem, theta)
    top = exact[np.argsort(-np.abs(exact))][:6]
    np.testing.assert_allclose(found.arrays["eigenvalues"], top, rtol=1e-6)
    assert (found.arrays["residuals"] < 1e-3 * np.abs(top)).all()
    grid, density = found.arrays["grid"], found.arrays["density"]
    assert np.trapezoid(density, grid) == pytest.approx(1, abs=0.01)
    assert found.arrays["error"].shape == grid.shape
    assert abs(found.info["trace"] - exact.sum()) < 4 * found.info["trace_error"]
    assert not found.info["exact"]
    assert found.info["converged"]
    assert slices > 30


def test_without_probes_there_is_no_density(see, measured):
    problem = lab.problem("moons_mlp")
    theta = RNG.normal(size=problem.dim)
    found, _ = measured(HessianSpectrum(k=2, probes=0), problem, see(theta))
    assert set(found.arrays) == {"eigenvalues", "residuals"}
    assert "trace" not in found.info


def test_the_first_run_that_goes_on_is_looked_at(see, measured):
    problem = lab.problem("himmelblau")
    points = [[np.nan, np.nan], [3.0, 2.0], [0.0, 0.0]]
    sight = see(points, diverged=[0], lr=[1.0, 0.5, 0.1])
    found, _ = measured(HessianSpectrum(), problem, sight)
    assert found.info["run"] == 1
    assert found.info["two_over_lr"] == 4
    wanted = dense(problem, points[1])
    np.testing.assert_allclose(np.sort(found.arrays["eigenvalues"]), wanted, rtol=1e-10)
    assert not HessianSpectrum().ready(see(points, diverged=[0, 1, 2]))


def test_no_learning_rate_no_limit(see, measured):
    problem = lab.problem("booth")
    for knobs in ({}, {"lr": 0.0}, {"radius": 1.0}):
        found, _ = measured(HessianSpectrum(), problem, see([1.0, 1.0], **knobs))
        assert "two_over_lr" not in found.info


def test_the_same_sight_gives_the_same_numbers(see, measured):
    problem = lab.problem("moons_mlp")
    theta = RNG.normal(size=problem.dim)
    one, same, other = (
        measured(HessianSpectrum(), problem, see(theta, seed=seed))[0] for seed in (1, 1, 2)
    )
    for name, array in one.arrays.items():
        np.testing.assert_array_equal(array, same.arrays[name])
    assert (one.arrays["density"] != other.arrays["density"]).any()


def test_problems_without_second_derivatives_are_unfit():
    assert "kinks" in HessianSpectrum.unfit(lab.problem("diffgrad_f3"))
    assert HessianSpectrum.unfit(lab.problem("booth")) == ""

import numpy as np
import pytest
import torch

import lab
from lab import analysis
from lab.engine.analysis.base import finish
from lab.engine.analysis.operators import operator as matrix_of
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


def test_other_matrices_and_blocks(see, measured):
    problem = lab.problem("moons_mlp", samples=60, widths=(6, 5))
    theta = RNG.normal(size=problem.dim)
    for operator in ("ggn", "rest", "fisher", "ntk"):
        probe = HessianSpectrum(operator=operator, exact=500)
        found, _ = measured(probe, problem, see(theta))
        matrix = matrix_of(problem, torch.as_tensor(theta), operator)
        exact = torch.linalg.eigvalsh(matrix.product(torch.eye(matrix.size, dtype=torch.float64)))
        wanted = np.sort(found.arrays["eigenvalues"])
        np.testing.assert_allclose(wanted, exact, rtol=1e-8, atol=1e-10)
        assert found.info["operator"] == operator
        assert found.info["dim"] == matrix.size
    estimated, _ = measured(HessianSpectrum(operator="ntk", exact=0), problem, see(theta))
    assert "negative" not in estimated.info  # a Gram matrix has none
    block, _ = measured(HessianSpectrum(layer="2.weight"), problem, see(theta))
    point = torch.as_tensor(theta)
    full = torch.autograd.functional.hessian(lambda x: problem.evaluate(x[None])[0], point)
    at = problem.layout.slices["2.weight"]
    wanted = np.linalg.eigvalsh(full[at, at])
    np.testing.assert_allclose(np.sort(block.arrays["eigenvalues"]), wanted, atol=1e-10)
    with pytest.raises(ValueError, match="weight"):
        measured(HessianSpectrum(layer="9.weight"), problem, see(theta))


def test_all_eigenvalues_of_more_where_that_is_asked_for(see, measured):
    problem = lab.problem("moons_mlp")
    theta = RNG.normal(size=problem.dim)
    found, _ = measured(HessianSpectrum(exact=400), problem, see(theta))
    wanted = dense(problem, theta)
    np.testing.assert_allclose(np.sort(found.arrays["eigenvalues"]), wanted, atol=1e-10)
    assert set(found.arrays) == {"eigenvalues", "residuals", "grid", "density"}
    assert np.trapezoid(found.arrays["density"], found.arrays["grid"]) == pytest.approx(1, abs=1e-3)
    assert found.info["negative"] == (wanted < -1e-12).sum()
    assert found.info["lambda_min"] == pytest.approx(wanted[0])
    estimate, _ = measured(HessianSpectrum(probes=8, steps=40), problem, see(theta))
    gap = abs(estimate.info["negative"] - found.info["negative"])
    assert gap <= 1.5 * estimate.info["negative_error"]
    assert estimate.info["lambda_min"] == pytest.approx(wanted[0], rel=1e-3)
    top = np.sort(wanted)[::-1][:20]
    assert found.info["outliers"] == estimate.info["outliers"] == 1 + np.argmax(top[:-1] / top[1:])
    assert found.info["classes"] == 2


def test_batches_beside_all_data(see, measured):
    problem = lab.problem("moons_mlp", samples=200)
    theta = RNG.normal(size=problem.dim)
    found, _ = measured(HessianSpectrum(batch=40), problem, see(theta))
    again = analysis.batch_eigenvalues(problem, theta, 40, 8, 3)
    np.testing.assert_allclose(found.arrays["batch_largest"], again.batch_largest)
    assert found.info["predicted_lambda_max"] == pytest.approx(again.predicted_largest[0])
    assert found.info["noise_edge"] == pytest.approx(again.edge)
    assert found.info["batch_size"] == 40


def test_begins_with_the_vectors_of_the_last_measurement(see, measured):
    problem = lab.problem("moons_mlp")
    theta = RNG.normal(size=problem.dim)
    probe = HessianSpectrum(k=4, probes=0)
    first, _ = measured(probe, problem, see(theta))
    assert first.carry["vectors 0"].shape == (4, problem.dim)
    moved = theta + 1e-3 * RNG.normal(size=problem.dim)
    cold, _ = measured(probe, problem, see(moved))
    warm, _ = measured(probe, problem, see(moved)._replace(before=first.carry))
    assert warm.info["products"] < cold.info["products"]
    top = np.abs(cold.arrays["eigenvalues"])
    away = np.abs(warm.arrays["eigenvalues"] - cold.arrays["eigenvalues"])
    assert (away <= 1e-5 * top.max()).all()
    other = see([theta, moved], diverged=[0])._replace(before=first.carry)
    np.testing.assert_array_equal(
        measured(probe, problem, other)[0].arrays["eigenvalues"], cold.arrays["eigenvalues"]
    )


def test_a_spectrum_of_many_parameters_is_forecast(see):
    problem = lab.problem("moons_mlp", samples=60)
    theta = problem.start([torch.Generator().manual_seed(0)])
    sight = see(theta.numpy())
    found = finish(HessianSpectrum(k=5, probes=2, steps=10).forecast(problem, sight))
    assert found.unit == "products"
    assert found.count > 2 * 10
    assert found.bytes > 0
    assert HessianSpectrum(exact=2000).forecast(problem, sight) is None
    assert HessianSpectrum(layer="0.weight").forecast(problem, sight) is None
    few = finish(HessianSpectrum(operator="ggn", probes=0).forecast(problem, sight))
    assert few.count < found.count

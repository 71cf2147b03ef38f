import numpy as np
import pytest
import torch

import lab
from lab.engine.analysis.base import finish
from lab.engine.probes import CriticalPointSearch
from lab.engine.probes.critical_points import draw_starts


def test_himmelblau(see, golden):
    problem = lab.problem("himmelblau")
    sights = {"one": see([[0.0, 0.0], [3.0, 3.0]]), "two": see([-2.0, 1.0])}
    found = finish(CriticalPointSearch(starts=120).measure(problem, sights))
    wanted = np.load(golden / "analyses.npz")["R5_critical_points_cols_value_x_y_index"]
    arrays, info = found.arrays, found.info
    assert info["found"] == len(wanted) == len(arrays["loss"])
    np.testing.assert_allclose(np.sort(arrays["loss"]), np.sort(wanted[:, 0]), atol=1e-8)
    assert sorted(arrays["index"]) == sorted(wanted[:, 3])
    assert set(arrays["around"]) <= {0, 1}
    assert set(arrays["amplitude"]) <= {0.0, 0.1, 0.3, 1.0}
    assert info["lanes"] == ["one", "two"]
    assert info["tried"] == arrays["reached"].sum() + info["lost"]
    assert "known_loss" not in arrays
    slopes = problem.gradient(arrays["theta"])
    assert np.linalg.norm(slopes, axis=1).max() <= info["tol"]


def test_what_the_problem_knows_is_on_record(see):
    problem = lab.problem("linear_autoencoder")
    found = finish(CriticalPointSearch(starts=8).measure(problem, {"a": see(np.ones(problem.dim))}))
    known = problem.critical_points
    assert found.arrays["known_loss"].tolist() == [point.value for point in known]
    assert found.arrays["known_index"].tolist() == [point.index for point in known]


def test_partial_results_are_such_measurements(see):
    steps = CriticalPointSearch().measure(lab.problem("himmelblau"), {"a": see([1.0, 1.0])})
    parts = [report.partial for report in steps if report.partial is not None]
    assert parts
    assert {"loss", "index", "theta"} <= parts[-1].arrays.keys()


def test_noise_takes_turns_and_is_measured_in_half_widths():
    problem = lab.problem(lambda x: (x**2).sum(), dim=2, window=((0.0, 10.0), (-0.1, 0.1)))
    points = torch.tensor([[1.0, 0.05], [2.0, -0.05]])
    starts, origin, amplitude = draw_starts(problem, points, (0.0, 0.5), 4000, 0)
    assert starts.dtype == points.dtype
    still = amplitude == 0
    assert still.sum() == 2  # without noise every point once
    assert np.array_equal(starts[still], points)
    moves = (starts - points[origin]).numpy()[~still]
    np.testing.assert_allclose(moves.std(axis=0), [2.5, 0.05], rtol=0.05)
    again = draw_starts(problem, points, (0.0, 0.5), 4000, 0)[0]
    assert torch.equal(starts, again)
    assert not torch.equal(starts[-1], draw_starts(problem, points, (0.0, 0.5), 4000, 1)[0][-1])


def test_without_a_window_noise_is_measured_in_the_size_of_a_parameter():
    problem = lab.problem(lambda x: (x**2).sum(), dim=500)
    points = torch.full((1, 500), 3.0)
    starts, _, _ = draw_starts(problem, points, (0.1,), 4, 0)
    assert (starts - points).std() == pytest.approx(0.3, rel=0.1)


def test_why_it_cannot_be_measured():
    assert "2,000" in CriticalPointSearch.unfit(lab.problem("digits_mlp"))
    assert CriticalPointSearch.unfit(lab.problem("himmelblau")) == ""

import itertools

import numpy as np
import pytest

import lab
from lab import analysis

RNG = np.random.default_rng(0)
MOONS = lab.problem("moons_mlp", samples=50, widths=(6,))


@pytest.mark.parametrize("matched", ["none", "weights"])
def test_every_pair_is_a_linear_path(matched):
    rows = RNG.normal(size=(4, MOONS.dim))
    found = analysis.barrier_matrix(MOONS, rows, points=7, matched=matched)
    for i, j in itertools.combinations(range(4), 2):
        other = rows[j]
        if matched != "none":
            other = analysis.match_permutation(MOONS, rows[i], other)
        path = analysis.linear_path(MOONS, rows[i], other, points=7)
        assert found.barrier[i, j] == pytest.approx(path.barrier, rel=1e-9, abs=1e-12)
        assert found.barrier_chord[i, j] == pytest.approx(path.barrier_chord, rel=1e-9, abs=1e-12)
        assert found.distance[i, j] == pytest.approx(path.length, rel=1e-12)
        accuracy = path.metrics["accuracy"]
        drop = accuracy[[0, -1]].mean() - accuracy.min()
        assert found.metric_barrier[i, j] == pytest.approx(drop, abs=1e-12)
    for table in (found.barrier, found.barrier_chord, found.distance, found.metric_barrier):
        assert (table == table.T).all()
        assert (np.diag(table) == 0).all()
    np.testing.assert_allclose(found.loss, MOONS.value(rows), rtol=1e-12)
    assert (found.metric, found.matched) == ("accuracy", matched)
    assert found.evaluations == 4 + 6 * 5


def test_an_error_that_rises_is_a_barrier_too():
    problem = lab.problem("wave_mlp", samples=30, widths=(5,))
    rows = RNG.normal(size=(2, problem.dim))
    found = analysis.barrier_matrix(problem, rows, points=5)
    rmse = analysis.linear_path(problem, *rows, points=5).metrics["rmse"]
    assert found.metric_barrier[0, 1] == pytest.approx(rmse.max() - rmse[[0, -1]].mean())


def test_progress_shows_the_pairs_that_are_known():
    seen = []
    rows = RNG.normal(size=(3, 2))
    analysis.barrier_matrix(
        lab.problem("booth"), rows, points=5, progress=lambda report: seen.append(report.partial)
    )
    known = [np.isfinite(part.barrier.numpy()).sum() for part in seen if part is not None]
    assert known == [5, 7, 9]


def test_a_surface_has_no_metric():
    found = analysis.barrier_matrix(lab.problem("booth"), RNG.normal(size=(2, 2)), points=5)
    assert found.metric == ""
    assert np.isnan(found.metric_barrier).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"points_of_runs": [[1.0, 2.0]]}, "at least 2 points"),
        ({"points": 2}, "points = 2"),
        ({"matched": "weight"}, "matched = 'weight' .*'weights'"),
    ],
)
def test_bad_input(arguments, message):
    arguments = {"points_of_runs": np.ones((2, 2)), **arguments}
    with pytest.raises(ValueError, match=message):
        analysis.barrier_matrix(lab.problem("booth"), **arguments)

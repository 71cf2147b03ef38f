"""Critical points of any index: all of them, with their index, where they are known."""

import numpy as np
import pytest
import torch

import lab
from lab import analysis
from lab.engine.analysis.base import Cancelled

RNG = np.random.default_rng(0)
VARIANCES = torch.tensor([5.0, 3.0, 2.0, 1.0, 0.4], dtype=torch.float64)


def autoencoder(theta):
    """Half the mean squared error of a linear network 5-2-5 on data of these variances."""
    rest = torch.eye(5).to(theta) - theta[10:].reshape(5, 2) @ theta[:10].reshape(2, 5)
    return 0.5 * (rest.square() * VARIANCES.to(theta)).sum()


def test_himmelblau_has_its_nine(numbers):
    wanted = numbers["R5_critical_points_cols_value_x_y_index"]
    found = analysis.find_critical_points(lab.problem("himmelblau"), RNG.uniform(-5, 5, (100, 2)))
    assert len(found.loss) == 9
    order = [np.linalg.norm(found.theta - row[1:3], axis=1).argmin() for row in wanted]
    np.testing.assert_allclose(found.theta[order], wanted[:, 1:3], rtol=1e-6)
    np.testing.assert_allclose(found.loss[order], wanted[:, 0], rtol=1e-8, atol=1e-12)
    assert (found.index[order] == wanted[:, 3]).all()
    assert (found.alpha == found.index / 2).all()
    assert (found.zeros == 0).all()
    assert (np.diff(found.loss) >= 0).all()
    assert found.reached.sum() + found.lost == found.tried == 100
    assert len(set(found.start.tolist())) == 9


def test_linear_autoencoder_has_its_sixteen_families(numbers):
    """Baldi & Hornik 1989: a critical point for each set of eigenvectors that is kept."""
    wanted = numbers["R6e_cols_rank_error_index_fraction_gradnorm_formulaIndex"]
    starts = RNG.normal(size=(400, 20)) * RNG.choice([0.1, 0.3, 0.6, 1.0], size=(400, 1))
    found = analysis.find_critical_points(lab.problem(autoencoder, dim=20), starts)
    assert len(found.loss) == 16
    rows = sorted(zip(found.loss.round(9), found.index.tolist(), found.alpha, strict=True))
    assert rows == pytest.approx(np.array(sorted(map(tuple, wanted[:, 1:4]))))
    # where both units are in use, W1 -> C W1, W2 -> W2 C^-1 leaves four directions flat
    assert set(found.zeros[found.index == 10]) == {0}
    assert found.zeros[0] == 4
    corr = np.corrcoef(found.loss, found.alpha)[0, 1]
    assert corr == pytest.approx(0.956, abs=5e-4)


def test_a_monkey_saddle_has_no_curvature():
    problem = lab.problem("monkey_saddle")
    found = analysis.find_critical_points(problem, RNG.uniform(-2, 2, (12, 2)))
    assert found.index.tolist() == [0]
    assert found.zeros.tolist() == [2]
    assert np.abs(found.theta).max() < 1e-3


@pytest.mark.parametrize("length", [2, 3])
def test_scalar_chain(length):
    """(1 - w₁ w₂ ...)² / 2: a flat valley of minima; zero is a saddle, of index 1 for two."""
    problem = lab.problem(lambda w: 0.5 * (1 - w.prod()) ** 2, dim=length)
    found = analysis.find_critical_points(problem, RNG.normal(size=(60, length)))
    np.testing.assert_allclose(found.loss[:2], [0, 0.5], atol=1e-9)
    kinds = set(zip(found.loss.round(9), found.index.tolist(), found.zeros.tolist(), strict=True))
    if length == 2:
        assert kinds == {(0, 0, 1), (0.5, 1, 0)}
        np.testing.assert_allclose(found.theta[1], 0, atol=1e-7)
    else:  # three axes of saddles, which meet in a point without any curvature
        assert {(0, 0, 2), (0.5, 1, 1)} <= kinds <= {(0, 0, 2), (0.5, 1, 1), (0.5, 0, 3)}


def test_points_without_a_slope_are_not_taken_where_none_is():
    """Along exp(x) the gradient gets shorter for ever; on a slope it stays."""
    slope = lab.problem(lambda x: x.sum(), dim=2)
    found = analysis.find_critical_points(slope, [[0.0, 1.0], [2.0, 3.0]])
    assert (len(found.loss), found.lost, found.tried) == (0, 2, 2)
    fold = lab.problem(lambda x: x[0] ** 3 + x[0] + x[1] ** 2, dim=2)  # |g| is least at 0: no point
    found = analysis.find_critical_points(fold, RNG.normal(size=(20, 2)))
    assert (len(found.loss), found.lost) == (0, 20)


def test_a_network_is_left_where_its_gradient_vanishes():
    problem = lab.problem("moons_mlp", samples=30, widths=(3,))
    starts = 0.5 * RNG.normal(size=(6, problem.dim))
    found = analysis.find_critical_points(problem, starts, iterations=80, tol=1e-6)
    assert len(found.loss) >= 1
    slopes = problem.gradient(found.theta)
    assert np.linalg.norm(slopes, axis=1).max() < 1e-6
    np.testing.assert_allclose(problem.value(found.theta), found.loss, rtol=1e-12)
    for point, index, level in zip(found.theta, found.index, found.curvature, strict=True):
        values = np.linalg.eigvalsh(analysis.hessian(problem, point))
        assert (values < -1e-5 * level).sum() == index


def test_what_is_found_is_shown_on_the_way():
    seen = []
    problem = lab.problem("himmelblau")
    starts = RNG.uniform(-5, 5, (50, 2))
    found = analysis.find_critical_points(problem, starts, progress=seen.append)
    shown = [report.partial for report in seen if report.partial is not None]
    counts = [len(part.loss) for part in shown]
    assert counts
    assert counts[-1] <= len(found.loss)
    assert len(shown[-1].loss) > 0
    with pytest.raises(Cancelled):
        analysis.find_critical_points(problem, starts, progress=_cancel)


def _cancel(report):
    raise Cancelled


def test_bad_arguments():
    relu = lab.problem("moons_mlp", samples=30, widths=(3,), activation="relu")
    if relu.hessian_trouble:
        with pytest.raises(ValueError, match="curvature cannot be measured"):
            analysis.find_critical_points(relu, np.zeros(relu.dim))
    large = lab.problem("moons_mlp", samples=30, widths=(50, 50))
    with pytest.raises(ValueError, match=r"at most 2,000 parameters, this problem has 2,"):
        analysis.find_critical_points(large, np.zeros(large.dim))
    with pytest.raises(ValueError, match="tol = 0"):
        analysis.find_critical_points(lab.problem("saddle"), [0.0, 0.0], tol=0)

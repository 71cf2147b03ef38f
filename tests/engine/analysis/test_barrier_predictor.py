import numpy as np
import pytest

import lab
from lab import analysis

GOLDEN = "R6j_naive_wm_cols_trueB_midHess_endsTaylor_endsHessOnly_Green_qm_qa_qb_ga_gb"


@pytest.mark.parametrize("matched", [False, True])
def test_the_predictors_of_the_reference(digits, pair, numbers, matched):
    a, b = pair
    b = analysis.match_permutation(digits, a, b) if matched else b
    found = analysis.barrier_predictor(digits, a, b)
    height, middle, ends, curved, _, qm, qa, qb, ga, gb = numbers[GOLDEN][int(matched)]
    told = (found.height, found.from_middle, found.from_ends, found.from_ends_curvature)
    np.testing.assert_allclose(told, (height, middle, ends, curved), rtol=1e-8)
    np.testing.assert_allclose((found.middle, *found.ends), (qm, qa, qb), rtol=1e-8)
    np.testing.assert_allclose(found.slopes, (ga, gb), rtol=1e-8)
    assert np.isnan(found.green)
    assert (found.evaluations, found.products) == (5, 3)


def test_the_integral_over_the_line_is_the_height_of_a_smooth_barrier():
    problem = lab.problem("digits_mlp", widths=(12,), samples=120)
    a, b = np.random.default_rng(0).normal(size=(2, problem.dim)) / 3
    found = analysis.barrier_predictor(problem, a, b, nodes=24)
    path = analysis.linear_path(problem, a, b, points=3)
    assert found.height == pytest.approx(path.loss[1] - path.loss[[0, 2]].mean(), rel=1e-12)
    assert found.green == pytest.approx(found.height, rel=1e-8)


def test_all_predictors_are_exact_on_a_quadratic():
    problem = lab.problem(lambda x: x[0] ** 2 - 3 * x[1] ** 2 + x[0] * x[1], dim=2)
    found = analysis.barrier_predictor(problem, [1.0, -2.0], [3.0, 1.0], nodes=2)
    wanted = -(4 - 27 + 6) * 2 / 8
    for told in (found.height, found.from_middle, found.from_ends, found.green):
        assert told == pytest.approx(wanted, rel=1e-12)


def test_a_loss_without_second_derivatives_is_refused():
    problem = lab.problem("wave_mlp", loss="mae", samples=20, widths=(4,))
    with pytest.raises(ValueError, match="needs a Hessian: the absolute error"):
        analysis.barrier_predictor(problem, np.zeros(problem.dim), np.ones(problem.dim))

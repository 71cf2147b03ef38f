"""SGD's linear stability, held against reference numbers, closed forms and simulated steps."""

from itertools import combinations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import lab
from lab.engine.analysis.base import finish
from lab.engine.analysis.coherence import SAMPLING, coherence, exact_rate, geometry
from lab.engine.analysis.coherence import sgd_limits as steps_of_limits
from lab.engine.analysis.per_sample import curvature_factors


def sgd_limits(*args, **options):
    return finish(steps_of_limits(*args, **options))


@pytest.fixture(scope="module")
def numbers(golden):
    return np.load(golden / "analyses.npz")


def test_reference_numbers_of_twelve_rank_one_hessians(numbers):
    table = numbers["R6a_cols_B_etaGD_etaThm1_etaExactMS_etaThm2form"]
    sizes = table[:, 0].astype(int).tolist()
    found = sgd_limits(numbers["R6a_X"][:, None], sizes)
    np.testing.assert_allclose(
        [found.largest, found.coherence], numbers["R6a_lambda1_sigma"], rtol=1e-12
    )
    np.testing.assert_allclose(found.matrix, numbers["R6a_S"], rtol=1e-12)
    assert found.descent == pytest.approx(table[0, 1], rel=1e-12)
    np.testing.assert_allclose(found.exact, table[:, 3], rtol=1e-7)
    np.testing.assert_allclose(found.diverging, np.minimum(table[:, 2], found.descent), rtol=1e-9)
    np.testing.assert_allclose(found.near, table[:, 4], rtol=1e-9)
    assert (found.exact <= found.diverging + 1e-9).all()  # theorem 1 is only sufficient


def test_reference_numbers_with_replacement():
    """20 rank-one Hessians in three dimensions, batches drawn with replacement."""
    rows = np.random.default_rng(5).normal(size=(20, 3))
    found = sgd_limits(rows[:, None], [1, 2, 4, 8], sampling="with")
    assert found.descent == pytest.approx(1.8194, abs=5e-5)
    np.testing.assert_allclose(found.exact, [0.5339, 0.8478, 1.1938, 1.4816], atol=5e-5)
    assert 1 / found.coherence == pytest.approx(0.2362, abs=5e-5)


def test_the_papers_construction(numbers):
    """n = 100, sharpness 2: the batch size of the edge is n / (1 + σ (1/η - 1))."""
    n = 100
    for eta, sigma, bound, edge in numbers["R6a_paper_cols_eta_sigma_Bdiv_Thm1_Bdiv_exactMS_n100"]:
        s = int(sigma)
        factors = np.zeros((n, 1, n - s + 1))
        factors[np.arange(n), 0, np.maximum(0, np.arange(n) - s + 1)] = np.sqrt(2 * n / s)
        found = geometry(factors)
        limits = sgd_limits(factors, [1])
        assert limits.coherence == pytest.approx(sigma)
        assert limits.largest == pytest.approx(2)
        assert exact_rate(found.factors, found.curvatures, n, edge)[0] == pytest.approx(eta)
        noisy = sigma / (limits.largest * np.sqrt(n / bound - 1))
        assert noisy == pytest.approx(eta)


@pytest.mark.parametrize("sampling", SAMPLING)
def test_against_the_whole_map_of_the_second_moment(sampling):
    """The dense map on d² numbers, its spectral radius just below and above the rate."""
    rng, n, d, batch = np.random.default_rng(1), 6, 4, 2
    factors = rng.normal(size=(n, 2, d))
    (rate,) = sgd_limits(factors, [batch], sampling=sampling).exact
    hessians = np.einsum("nri,nrj->nij", factors, factors)
    mean = hessians.mean(0)
    pairs = sum(np.kron(h, h) for h in hessians) / n
    weight = {
        "coins": (1 / batch - 1 / n) * pairs,
        "with": (pairs - np.kron(mean, mean)) / batch,
        "without": (pairs - np.kron(mean, mean)) * (n - batch) / (batch * (n - 1)),
    }[sampling]

    def radius(eta):
        step = np.eye(d) - eta * mean
        return np.abs(np.linalg.eigvals(np.kron(step, step) + eta**2 * weight)).max()

    assert radius(rate) == pytest.approx(1, abs=1e-6)
    assert radius(0.99 * rate) < 1 < radius(1.01 * rate)


def test_batches_without_replacement_do_what_is_foretold():
    """The mean square over all batches there are, iterated."""
    rng, n, d, batch = np.random.default_rng(2), 5, 3, 2
    rows = rng.normal(size=(n, d))
    (rate,) = sgd_limits(rows[:, None], [batch], sampling="without").exact
    hessians = np.einsum("ni,nj->nij", rows, rows)
    steps = [hessians[list(c)].mean(0) for c in combinations(range(n), batch)]

    def grown(eta):
        moment = np.eye(d)
        for _ in range(400):
            moved = [np.eye(d) - eta * h for h in steps]
            moment = sum(m @ moment @ m for m in moved) / len(moved)
        return np.trace(moment) / d

    assert grown(0.98 * rate) < 1 < grown(1.02 * rate)


def test_coherence_is_n_for_alike_and_1_for_orthogonal_curvatures():
    alike = sgd_limits(np.ones((7, 1, 3)), [1])
    apart = sgd_limits(np.eye(7)[:, None], [1])
    assert alike.coherence == pytest.approx(7)
    assert apart.coherence == pytest.approx(1)
    # each direction on its own: (1 - η/7)² + η² (1 - 1/7) / 7 = 1 at η = 2
    np.testing.assert_allclose(apart.exact, [2.0])


def test_samples_of_a_small_problem_have_exact_hessians():
    problem = lab.problem("moons_mlp", samples=12, widths=(5, 4))
    theta = torch.randn(
        problem.dim, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    )
    chosen = torch.arange(12)
    factors = finish(curvature_factors(problem, theta, chosen))
    assert factors.form == "hessian"
    for i in range(12):
        exact = problem.hessian(theta[None], torch.tensor([[i]]))[0].numpy()
        values, vectors = np.linalg.eigh(exact)
        positive = vectors @ np.diag(values.clip(0)) @ vectors.T
        np.testing.assert_allclose(
            factors.factors[i].T @ factors.factors[i], positive, atol=1e-9 * abs(exact).max()
        )


def test_a_network_has_the_blocks_of_its_gauss_newton_matrix():
    problem = lab.problem("moons_mlp", samples=10, widths=(12, 12))
    assert problem.dim > 200
    theta = torch.randn(
        problem.dim, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    )
    factors = finish(curvature_factors(problem, theta, torch.arange(10)))
    assert factors.form == "ggn"
    mean = np.einsum("nri,nrj->ij", factors.factors, factors.factors) / 10
    whole = problem.gauss_newton(theta[None])[0].numpy()
    np.testing.assert_allclose(mean, whole, atol=1e-10 * abs(whole).max())
    found = lab.analysis.sgd_stability(problem, theta.numpy(), [1, 10], samples=0)
    assert found.largest == pytest.approx(np.linalg.eigvalsh(whole)[-1])
    assert found.exact[1] == pytest.approx(found.descent)
    assert found.exact[0] < found.descent


def test_a_part_of_the_samples_stands_for_all():
    inputs, targets = load_digits(return_X_y=True)
    module = torch.nn.Linear(64, 10)
    data = (torch.tensor(inputs[:200] / 16), torch.tensor(targets[:200]))
    problem = lab.problem(module, data=data, loss="cross_entropy")
    theta = np.zeros(problem.dim)
    part = lab.analysis.sgd_stability(problem, theta, [1, 8], samples=16)
    more = lab.analysis.sgd_stability(problem, theta, [1, 8], samples=40)
    assert (part.looked_at, part.samples, more.looked_at) == (16, 200, 40)
    np.testing.assert_allclose(part.exact, more.exact, rtol=0.15)
    assert part.coherence == pytest.approx(more.coherence, rel=0.15)


def test_a_few_samples_tell_the_coherence_of_all_without_much_bias():
    """Gaussian curvatures of rank one: scaled up, what few say of themselves is far too large."""
    rows = np.random.default_rng(0).normal(size=(150, 1, 60))
    exact, told, alone = sgd_limits(rows, [1]), [], []
    for draw in range(40):
        chosen = rows[np.random.default_rng(draw).permutation(150)[:24]]
        told.append(sgd_limits(chosen, [1], samples=150))
        found = geometry(chosen)
        alone.append(coherence(found.matrix, found.samples) * 150 / 24 / exact.coherence)
    ratios = np.array([found.coherence for found in told]) / exact.coherence
    assert np.mean(alone) > 1.4
    assert abs(ratios.mean() - 1) < 0.06
    assert np.sqrt(np.mean((ratios - 1) ** 2)) < 0.25
    largest = np.array([found.largest for found in told]) / exact.largest
    assert largest.mean() < 1.5
    assert all(found.exact[0] <= found.descent * (1 + 1e-9) for found in told)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch_sizes": [0]}, "batch size"),
        ({"batch_sizes": [99]}, "from 1 to 12"),
        ({"sampling": "dice"}, "sampling"),
        ({"samples": -1}, "samples"),
    ],
)
def test_nonsense_is_refused(options, words):
    problem = lab.problem("moons_mlp", samples=12, widths=(5, 4))
    with pytest.raises(ValueError, match=words):
        lab.analysis.sgd_stability(problem, np.ones(problem.dim), **options)


def test_a_surface_has_no_samples():
    with pytest.raises(ValueError, match="samples"):
        lab.analysis.sgd_stability(lab.problem("himmelblau"), [0.0, 0.0])

"""Spectra by layer against the blocks of the dense matrix in float64."""

import numpy as np
import pytest
import torch

import lab
from lab import analysis
from lab.engine.analysis.layer_spectra import WHOLE, blocks_of
from lab.engine.analysis.operators import operator as matrix_of

RNG = np.random.default_rng(0)
NETS = {
    "tanh": {"name": "moons_mlp", "samples": 60, "widths": [20, 12]},
    "norm": {"name": "moons_mlp", "samples": 50, "widths": [9, 4], "norm": True},
    "convolutions": {"name": "digits_cnn", "samples": 40, "widths": [2, 3]},
    "linear": {"name": "deep_linear"},
}


def dense(problem, theta, name="hessian", batch=None):
    """The whole matrix by autograd where it is the Hessian, else column by column."""
    point = torch.as_tensor(theta)
    if name == "hessian" and batch is None:
        return torch.autograd.functional.hessian(lambda x: problem.evaluate(x[None])[0], point)
    found = matrix_of(problem, point, name, batch)
    return found.product(torch.eye(found.size, dtype=torch.float64))


def leading(matrix, k):
    """The first k eigenvalues by falling modulus."""
    values = np.linalg.eigvalsh(matrix)
    return values[np.argsort(-np.abs(values), kind="stable")][:k]


def indices(problem, names):
    places = problem.layout.slices
    return np.concatenate([np.arange(problem.dim)[places[name]] for name in names])


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("by", ["layer", "tensor"])
def test_every_row_is_a_block_of_the_dense_hessian(net, by):
    problem = lab.problem(NETS[net])
    theta = 0.5 * RNG.normal(size=problem.dim)
    found = analysis.layer_spectra(problem, theta, 4, by=by)
    matrix = np.asarray(dense(problem, theta))
    blocks = blocks_of(problem.layout, by)
    assert found.names == (*blocks, WHOLE)
    assert sum(found.sizes[:-1]) == found.sizes[-1] == problem.dim
    rows = [indices(problem, names) for names in blocks.values()]
    for row, at in enumerate([*rows, np.arange(problem.dim)]):
        wanted = leading(matrix[np.ix_(at, at)], 4)
        top = np.abs(matrix).max()
        np.testing.assert_allclose(
            found.values[row, : len(wanted)], wanted, rtol=1e-5, atol=1e-10 * top
        )
        assert np.isnan(found.values[row, len(wanted) :]).all()
        assert found.sizes[row] == len(at)
    assert found.converged.all()
    largest = np.nanmax(found.values, axis=1)
    assert largest[:-1].max() <= largest[-1] * (1 + 1e-9)  # Cauchy: a block's is not larger


@pytest.mark.parametrize("operator", ["ggn", "rest", "fisher", "ntk"])
def test_other_matrices_and_batches(operator):
    problem = lab.problem(NETS["tanh"])
    theta, batch = RNG.normal(size=problem.dim), np.arange(0, 60, 3)
    options = {"operator": operator, "batch": batch}
    found = analysis.layer_spectra(problem, theta, 3, **options)
    for row, layers in enumerate([*blocks_of(problem.layout, "layer").values(), None]):
        part = matrix_of(problem, torch.as_tensor(theta), operator, torch.as_tensor(batch), layers)
        matrix = part.product(torch.eye(part.size, dtype=torch.float64))
        wanted = leading(np.asarray(matrix), 3)
        assert found.sizes[row] == part.size
        np.testing.assert_allclose(found.values[row], wanted, rtol=1e-5, atol=1e-10)
    assert found.operator == operator


def test_traces_and_densities():
    problem = lab.problem(NETS["tanh"])
    theta = RNG.normal(size=problem.dim)
    found = analysis.layer_spectra(problem, theta, 4, probes=12, steps=40)
    matrix = np.asarray(dense(problem, theta))
    blocks = [indices(problem, names) for names in blocks_of(problem.layout, "layer").values()]
    for row, at in enumerate([*blocks, np.arange(problem.dim)]):
        wanted, exact = np.trace(matrix[np.ix_(at, at)]), len(at) <= 200
        whole = row == len(blocks)
        assert (found.trace_error[row] == 0) == exact
        assert abs(found.trace[row] - wanted) <= max(4 * found.trace_error[row], 1e-9 * abs(wanted))
        mass = np.trapezoid(found.density[row], found.grid[row])
        assert mass == pytest.approx(1, abs=0.01)
        mean = np.trapezoid(found.density[row] * found.grid[row], found.grid[row])
        if not whole:
            assert len(at) * mean == pytest.approx(found.trace[row], rel=0.02, abs=0.02)
    assert found.trace[-1] == pytest.approx(found.trace[:-1].sum(), rel=1e-12)
    assert {len(at) <= 200 for at in [*blocks, matrix]} == {True, False}
    plain = analysis.layer_spectra(problem, theta, 4)
    assert np.isnan(plain.trace).all()
    assert plain.density.shape == (len(blocks) + 1, 0)


def test_vectors_are_eigenvectors_and_a_warm_start():
    problem = lab.problem(NETS["tanh"])
    theta = RNG.normal(size=problem.dim)
    found = analysis.layer_spectra(problem, theta, 3)
    matrix = np.asarray(dense(problem, theta))
    blocks = [*blocks_of(problem.layout, "layer").values(), problem.layout.names]
    for row, names in enumerate(blocks):
        at = indices(problem, names)
        rest = (
            matrix[np.ix_(at, at)] @ found.vectors[row].T - found.values[row] * found.vectors[row].T
        )
        assert (np.linalg.norm(rest, axis=0) <= 1.1 * found.residuals[row] + 1e-9).all()
    start = dict(zip(found.names, found.vectors, strict=True))
    moved = theta + 1e-3 * RNG.normal(size=problem.dim)
    cold = analysis.layer_spectra(problem, moved, 3)
    warm = analysis.layer_spectra(problem, moved, 3, start=start)
    assert warm.products < cold.products
    np.testing.assert_allclose(warm.values, cold.values, rtol=1e-4)


def test_a_row_is_what_the_existing_functions_give():
    problem = lab.problem(NETS["tanh"])
    theta = RNG.normal(size=problem.dim)
    found = analysis.layer_spectra(problem, theta, 3, 5, 10, seed=2)
    one = analysis.spectral_density(
        problem,
        theta,
        5,
        10,
        2,
        deflate=3,
        points=500,
        layers=blocks_of(problem.layout, "layer")["2"],
    )
    row = found.names.index("2")
    np.testing.assert_array_equal(found.values[row], one.outliers)
    np.testing.assert_array_equal(found.density[row], one.density)
    assert found.trace[row] == pytest.approx(one.trace, rel=1e-12)


def test_what_is_wrong_is_said():
    problem = lab.problem(NETS["tanh"])
    theta = np.zeros(problem.dim)
    with pytest.raises(ValueError, match="did you mean 'layer'"):
        analysis.layer_spectra(problem, theta, by="layers")
    with pytest.raises(ValueError, match="probes = -1"):
        analysis.layer_spectra(problem, theta, probes=-1)
    with pytest.raises(ValueError, match="k = 0"):
        analysis.layer_spectra(problem, theta, 0)
    with pytest.raises(ValueError, match="kinks"):
        analysis.layer_spectra(lab.problem("diffgrad_f3"), [1.0])

import numpy as np
import torch

from lab.engine.lanczos import lanczos

DIM = 60
DRAWS = torch.Generator().manual_seed(0)


def symmetric(eigenvalues):
    basis = torch.linalg.qr(torch.randn(DIM, DIM, generator=DRAWS, dtype=torch.float64)).Q
    return basis * torch.as_tensor(eigenvalues) @ basis.T


def run(matrix, start, steps, **kwargs):
    *_, last = lanczos(lambda v: v @ matrix, start, steps, **kwargs)
    return last


def test_all_steps_tridiagonalise_the_matrix_and_keep_the_basis_orthogonal():
    matrix = symmetric(np.logspace(-6, 3, DIM))
    start = torch.randn(3, DIM, generator=DRAWS, dtype=torch.float64)
    last = run(matrix, start, DIM)
    for basis, diagonal, off in zip(last.basis, *last[1:], strict=True):
        assert (basis @ basis.T - torch.eye(DIM)).abs().max() < 1e-12
        small = torch.diag(diagonal) + torch.diag(off[:-1], 1) + torch.diag(off[:-1], -1)
        torch.testing.assert_close(basis @ matrix @ basis.T, small, rtol=0, atol=1e-10)


def test_vectors_of_a_batch_do_not_see_each_other():
    matrix = symmetric(np.linspace(-1, 1, DIM))
    start = torch.randn(4, DIM, generator=DRAWS, dtype=torch.float64)
    together = run(matrix, start, 40)
    for i in range(4):
        alone = run(matrix, start[i : i + 1], 40)
        torch.testing.assert_close(together.diagonal[i], alone.diagonal[0], rtol=0, atol=1e-12)


def test_an_exhausted_space_ends_in_rows_without_weight():
    matrix = symmetric(np.repeat([1.0, 2.0], DIM // 2))
    last = run(matrix, torch.ones(1, DIM, dtype=torch.float64), 5)
    assert last.off_diagonal[0, 1] == 0
    assert not last.basis[0, 2:].any()
    assert not last.diagonal[0, 2:].any()


def test_vectors_stay_orthogonal_to_those_they_are_kept_from():
    matrix = symmetric(np.linspace(1, 50, DIM))
    vectors = torch.linalg.eigh(matrix).eigenvectors.T
    start = torch.randn(2, DIM, generator=DRAWS, dtype=torch.float64)
    last = run(matrix, start, 30, against=vectors[-5:])
    assert (last.basis @ vectors[-5:].T).abs().max() < 1e-12
    assert torch.linalg.eigvalsh(torch.diag(last.diagonal[0])).max() < 50 * 55 / 60

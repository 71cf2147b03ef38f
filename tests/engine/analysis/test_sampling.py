import numpy as np
import pytest
import torch

import lab
from lab.engine.analysis import sampling


@pytest.mark.parametrize("name", ["himmelblau", "moons_mlp"])
def test_planes_and_lines_in_blocks_are_what_single_values_are(name):
    problem = lab.problem(name)
    rng = np.random.default_rng(0)
    center, d1, d2 = torch.as_tensor(rng.normal(size=(3, problem.dim)))
    for basis in (torch.stack([d1, d2]), d1[None]):
        places = torch.as_tensor(rng.normal(size=(300, len(basis))))
        found = torch.full((300,), torch.nan, dtype=torch.float64)
        for part, values in sampling.values_on_plane(problem, center, basis, places):
            assert found[part].isnan().all()
            found[part] = values
        wanted = problem.value(center + places @ basis)
        torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-12)


def test_blocks_follow_from_the_problem_alone():
    like = torch.zeros(1)
    surface, moons, digits = (
        sampling.points_in_block(lab.problem(name), like)
        for name in ("booth", "moons_mlp", "digits_mlp")
    )
    assert surface > moons > digits >= 4
    cnn = lab.problem("digits_cnn")
    assert sampling.points_in_block(cnn, like) == 1
    assert sampling.vectors_in_block(cnn, like, 10) == 1


@pytest.mark.parametrize("count", [1, 7, 64, 65, 200])
def test_vectors_are_spread_evenly_over_the_calls(count):
    block = sampling.vectors_in_block(lab.problem("booth"), torch.zeros(1), count)
    calls = -(-count // block)
    assert block <= 64
    assert count > (calls - 1) * block
    assert calls == -(-count // 64)


def test_gradient_mode_is_left_alone():
    problem = lab.problem("booth")
    places = torch.zeros(20_000, 1)
    for _ in sampling.values_on_plane(problem, torch.ones(2), torch.ones(1, 2), places):
        assert torch.is_grad_enabled()
    assert not sampling.values_at(problem, torch.ones(1, 2, requires_grad=True)).requires_grad

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


def short_of_memory(limit: int, message: str = "can't allocate memory"):
    """Work that fails, as torch does, where more than `limit` things are asked for at once."""

    def work(part: slice) -> list[int]:
        if part.stop - part.start > limit:
            raise RuntimeError(message)
        return list(range(part.start, part.stop))

    return work


@pytest.mark.parametrize("limit", [1, 3, 8, 100])
def test_where_memory_runs_out_blocks_are_halved_and_nothing_is_lost(limit, caplog):
    parts = list(sampling.in_blocks(short_of_memory(limit), 37, 16))
    assert [i for _, found in parts for i in found] == list(range(37))
    assert [part.start for part, _ in parts] == sorted(part.start for part, _ in parts)
    said = [record.getMessage() for record in caplog.records]
    assert bool(said) == (limit < 16)
    assert all("memory ran out" in text for text in said)


def test_not_enough_for_one_point_is_an_error():
    with pytest.raises(MemoryError, match="single point"):
        list(sampling.in_blocks(short_of_memory(0), 4, 4))


def test_other_errors_are_not_taken_for_it():
    with pytest.raises(RuntimeError, match="no luck"):
        list(sampling.in_blocks(short_of_memory(0, "no luck"), 4, 4))


def test_a_plane_is_the_same_where_memory_is_short(monkeypatch, caplog):
    problem = lab.problem("himmelblau")
    center = torch.zeros(2, dtype=torch.float64)
    coordinates = torch.rand(50, 2, dtype=torch.float64)
    whole = torch.cat(
        [v for _, v in sampling.values_on_plane(problem, center, torch.eye(2), coordinates)]
    )
    plane_values = type(problem).plane_values

    def short(self, center, d1, d2, a, b):
        if len(a) > 7:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plane_values(self, center, d1, d2, a, b)

    monkeypatch.setattr(type(problem), "plane_values", short)
    parts = [v for _, v in sampling.values_on_plane(problem, center, torch.eye(2), coordinates)]
    assert torch.equal(torch.cat(parts), whole)
    assert len(parts) > 5

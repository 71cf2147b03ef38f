"""The order of mini-batches."""

import pytest
import torch

from lab.engine.problems.batches import EpochBatches


@pytest.mark.parametrize(("samples", "size"), [(12, 3), (13, 4), (5, 5), (7, 1)])
def test_every_sample_once_an_epoch(samples, size):
    batches = EpochBatches(0, [0, 1], samples, size)
    for epoch in range(3):
        first = epoch * batches.steps_per_epoch
        seen = [batches.at(first + k) for k in range(batches.steps_per_epoch)]
        assert {len(batch) for batch in seen} == {2}
        for run in range(2):
            assert sorted(torch.cat([batch[run] for batch in seen]).tolist()) == [*range(samples)]
        assert all(batch.shape[1] == size for batch in seen[:-1])
        assert seen[-1].shape[1] == (samples % size or size)


def test_any_step_can_be_replayed():
    forward = EpochBatches(3, [0, 1, 2], 10, 4)
    seen = [forward.at(step).clone() for step in range(20)]
    for step in (19, 0, 7, 7, 12, 3):
        assert torch.equal(forward.at(step), seen[step])
        assert torch.equal(EpochBatches(3, [0, 1, 2], 10, 4).at(step), seen[step])


def test_order_depends_on_seed_stream_and_epoch_alone():
    alone = EpochBatches(0, [5], 20, 20)
    among = EpochBatches(0, [2, 5, 9, 5], 20, 20)
    assert torch.equal(alone.at(0)[0], among.at(0)[1])
    assert torch.equal(among.at(0)[1], among.at(0)[3])
    orders = [
        among.at(0)[0],
        among.at(0)[1],
        among.at(1)[0],
        EpochBatches(1, [2], 20, 20).at(0)[0],
    ]
    assert len({tuple(order.tolist()) for order in orders}) == 4

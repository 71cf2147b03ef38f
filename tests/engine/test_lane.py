import itertools
import math
import time

import numpy as np
import pytest
import torch
from toys import Average, Bowl, Regression, Trap

import lab
from lab.engine import lane as module
from lab.engine.catalogue import choose
from lab.engine.lane import Divergence, RunningLane, live_knobs, unpack_state
from lab.engine.plan import Lane

CPU = torch.device("cpu")
ROSENBROCK = choose("problem", "rosenbrock").make()


def running(spec, problem=ROSENBROCK, dtype=torch.float64, **more):
    return RunningLane(spec, problem, seed=0, device=CPU, dtype=dtype, **more)


def record(lane, target, stops=()):
    """All rows up to a target, advanced in parts that end at the stops."""
    blocks = [lane.flush()]
    for stop in [*stops, target]:
        while lane.step < stop and lane.failure is None:
            blocks.append(lane.advance(stop))
    blocks = [block for block in blocks if block is not None]
    for before, after in itertools.pairwise(blocks):
        assert after.first == before.first + len(before.columns["loss"])
    assert blocks[0].first == 0
    names = blocks[0].columns
    return {name: np.concatenate([block.columns[name] for block in blocks]) for name in names}


def same(one, other, names=None):
    names = names or [name for name in one if name != "seconds"]
    for name in names:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def test_a_row_describes_the_point_of_its_step():
    spec = Lane("sgd", lr=1e-4, start=[[-1.5, 2.0], [0.5, 0.5]])
    rows = record(running(spec), 20)
    assert rows["theta"][0].tolist() == [[-1.5, 2.0], [0.5, 0.5]]
    for step in range(21):
        theta = torch.tensor(rows["theta"][step])
        value, gradient = ROSENBROCK.evaluate_with_gradient(theta)
        np.testing.assert_array_equal(rows["loss"][step], value)
        np.testing.assert_allclose(rows["grad_norm"][step], gradient.norm(dim=1), rtol=1e-15)
        assert rows["gradient_evaluations"][step] == step
        if step < 20:
            np.testing.assert_allclose(rows["theta"][step + 1], theta - 1e-4 * gradient, 1e-14)
    assert rows["value_evaluations"].tolist() == [0] * 21
    assert rows["hessian_products"].tolist() == [0] * 21
    assert (np.diff(rows["seconds"]) > 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rows_do_not_depend_on_how_a_lane_is_advanced(dtype, monkeypatch):
    spec = Lane("adam", lr=0.05, start=[[-1.5, 2.0], [1.0, -1.0]])
    whole = record(running(spec, dtype=dtype), 300)
    assert whole["theta"].dtype == ("float32" if dtype is torch.float32 else "float64")
    same(whole, record(running(spec, dtype=dtype), 300, stops=range(1, 300, 7)))
    monkeypatch.setattr(module, "BLOCK_ROWS", 11)
    same(whole, record(running(spec, dtype=dtype), 300))


def test_blocks_hold_so_many_rows_and_no_more():
    lane = running(Lane("sgd"))
    lane.flush()
    block = lane.advance(10_000)
    assert len(block.columns["loss"]) == module.BLOCK_ROWS == lane.step


def test_one_step_is_made_however_little_time_there_is():
    lane = running(Lane("sgd"))
    lane.flush()
    block = lane.advance(100, deadline=time.perf_counter() - 1)
    assert (lane.step, len(block.columns["loss"])) == (1, 1)
    assert lane.advance(1, deadline=0.0) is None  # it is there already


def test_a_lane_stops_where_it_is_told():
    lane = running(Lane("sgd", stop=5))
    assert len(record(lane, 5)["loss"]) == 6
    assert lane.advance(10) is None
    assert lane.step == 5


def test_what_a_rule_shows_is_on_record_beside_what_it_evaluates(toys):
    rows = record(running(Lane("toy_average", lr=1e-4)), 30)
    np.testing.assert_allclose(
        rows["shown"], np.cumsum(rows["theta"], axis=0) / np.arange(1, 32)[:, None, None]
    )


# -- knobs -------------------------------------------------------------------------------------


def test_a_sweep_is_a_batch_in_which_every_run_has_its_own_value():
    spec = Lane("sgd", lr=[1e-4, 2e-4], momentum=[0.0, 0.5], start=[[-1.5, 2.0], [0.5, 0.5]])
    swept = record(running(spec), 50)
    for run, knobs in enumerate(spec.run_knobs()):
        alone = record(running(Lane("sgd", start=spec.start[run % 2], **knobs)), 50)
        np.testing.assert_array_equal(swept["theta"][:, run], alone["theta"][:, 0])
        np.testing.assert_array_equal(swept["loss"][:, run], alone["loss"][:, 0])


def test_changes_are_made_at_their_steps():
    spec = Lane("sgd", lr=1e-4, start=[-1.5, 2.0])
    planned = record(running(spec.with_change(7, {"lr": 3e-4})), 20)
    lane = running(spec)
    rows = [lane.flush(), lane.advance(7)]
    lane.turn(lane.spec.with_change(7, {"lr": 3e-4}))
    rows += [lane.advance(20)]
    for name in ("theta", "loss"):
        turned = np.concatenate([block.columns[name] for block in rows])
        np.testing.assert_array_equal(turned, planned[name])
    other = record(running(spec), 20)
    np.testing.assert_array_equal(other["theta"][:8], planned["theta"][:8])
    assert (other["theta"][8:] != planned["theta"][8:]).any(axis=(1, 2)).all()


def test_live_knobs_are_a_number_for_each_run():
    spec = Lane("sgd", lr=[0.1, 0.2], runs=2, changes=[{"step": 3, "momentum": 0.5}])
    knobs = live_knobs(spec, 3, CPU, torch.float32)
    assert knobs["lr"].shape == (4, 1)
    assert knobs["lr"].dtype is torch.float32
    np.testing.assert_allclose(knobs["lr"][:, 0], [0.1, 0.1, 0.2, 0.2])
    assert knobs["momentum"].tolist() == [[0.5]] * 4
    assert live_knobs(spec, 2, CPU, torch.float32)["momentum"].tolist() == [[0.0]] * 4
    spec = spec.with_change(5, {"lr": 0.7})
    np.testing.assert_allclose(live_knobs(spec, 5, CPU, torch.float64)["lr"], [[0.7]] * 4)


# -- going on from somewhere -------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "toy_average"])
@pytest.mark.parametrize("problem", [ROSENBROCK, Regression()], ids=["surface", "batches"])
def test_a_lane_goes_on_from_a_snapshot_as_if_nothing_had_happened(toys, optimizer, problem):
    spec = Lane(optimizer, lr=1e-3, runs=3)
    whole = record(running(spec, problem), 60)
    for step in (0, 1, 31, 60):
        lane = running(spec, problem)
        record(lane, step)
        for state in (
            lane.snapshot(),
            unpack_state(lane.pack(), spec, problem.layout, CPU),
        ):
            again = running(spec, problem, resume=state)
            assert again.step == step
            np.testing.assert_array_equal(again.theta, whole["theta"][step])
            assert again.flush() is None  # that row is on record already
            block = again.advance(60)
            if step < 60:
                assert block.first == step + 1
                same(block.columns, {name: rows[step + 1 :] for name, rows in whole.items()})


def test_a_fresh_state_takes_over_point_and_past_only():
    lane = running(Lane("adam", lr=0.1))
    record(lane, 10)
    other = running(Lane("sgd", lr=1e-4), resume=lane.snapshot(), fresh_state=True)
    block = other.advance(12)
    assert block.columns["gradient_evaluations"].tolist() == [11, 12]
    gradient = ROSENBROCK.evaluate_with_gradient(lane.theta)[1]
    np.testing.assert_array_equal(block.columns["theta"][0], lane.theta - 1e-4 * gradient)


def test_mini_batches_belong_to_the_start_and_the_step():
    problem = Regression()
    one = record(running(Lane("sgd", runs=2), problem), 5)
    swept = record(running(Lane("sgd", lr=[1e-3, 1e-3], runs=2), problem), 5)
    np.testing.assert_array_equal(swept["theta"][:, :2], swept["theta"][:, 2:])
    np.testing.assert_array_equal(swept["theta"][:, :2], one["theta"])
    assert (one["loss"][1:, 0] != one["loss"][1:, 1]).all()


# -- failures ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("bad", [(1e30, 1e30), (3.0, 9.5), (40.0, -7.0)])
def test_a_run_that_diverges_leaves_the_others_alone(dtype, bad):
    good = [[-1.5, 2.0], [0.5, 0.5], [1.0, -1.0]]
    fine = record(running(Lane("sgd", lr=1e-3, start=[*good, [1.0, 1.0]]), dtype=dtype), 200)
    lane = running(Lane("sgd", lr=1e-3, start=[*good, bad]), dtype=dtype)
    rows = record(lane, 200)
    (run,) = lane.diverged
    assert run == 3
    for name in ("theta", "loss", "grad_norm"):
        np.testing.assert_array_equal(rows[name][:, :3], fine[name][:, :3])
        assert not np.isnan(rows[name][:, :3]).any()
    np.testing.assert_array_equal(rows["gradient_evaluations"], fine["gradient_evaluations"])
    step, loss = lane.diverged[3]
    assert np.isfinite(rows["loss"][:step, 3]).all()
    assert (np.abs(rows["loss"][:step, 3]) < 1e20).all()
    assert not abs(rows["loss"][step, 3]) < 1e20 or not np.abs(rows["theta"][step, 3]).max() < 1e12
    assert repr(float(rows["loss"][step, 3])) == repr(loss)
    for name in ("theta", "loss", "grad_norm"):
        assert np.isnan(rows[name][step + 1 :, 3]).all()


def test_the_step_of_divergence_does_not_depend_on_the_blocks():
    spec = Lane("sgd", lr=[1e-5, 0.1, 0.5], start=[3.0, 2.0])
    lanes = [running(spec) for _ in range(3)]
    rows = [
        record(lane, 100, stops)
        for lane, stops in zip(lanes, [(), range(1, 100), (3, 50)], strict=True)
    ]
    assert lanes[0].diverged == lanes[1].diverged == lanes[2].diverged
    assert set(lanes[0].diverged) == {1, 2}
    same(rows[0], rows[1])
    same(rows[0], rows[2])


def test_a_lane_whose_runs_are_all_gone_costs_nothing(monkeypatch):
    spec = Lane("sgd", lr=[1.0, 10.0], start=[3.0, 2.0])
    problem = choose("problem", "rosenbrock").make()
    asked = []
    evaluate = type(problem).evaluate_with_gradient
    monkeypatch.setattr(
        type(problem),
        "evaluate_with_gradient",
        lambda self, *args: asked.append(1) or evaluate(self, *args),
    )
    lane = running(spec, problem)
    rows = record(lane, 100_000)
    assert len(asked) <= module.BLOCK_ROWS + 1
    assert len(rows["loss"]) == 100_001
    last = max(divergence.step for divergence in lane.diverged.values())
    assert np.isnan(rows["theta"][last + 1 :]).all()
    # what is counted ends with the last run, wherever the block ended that noticed it
    assert (rows["gradient_evaluations"][last:] == last).all()
    one_by_one = running(spec, problem)
    same(record(one_by_one, 50, stops=range(1, 50)), {k: v[:51] for k, v in rows.items()})
    assert one_by_one.counts == lane.counts


def test_a_lane_whose_runs_are_all_gone_can_be_resumed():
    spec = Lane("sgd", lr=10.0, start=[3.0, 2.0])
    lane = running(spec)
    record(lane, 300)
    again = running(spec, resume=unpack_state(lane.pack(), spec, ROSENBROCK.layout, CPU))
    block = again.advance(310)
    assert block.first == 301
    assert np.isnan(block.columns["loss"]).all()
    assert block.columns["loss"].shape == (10, 1)
    assert block.columns["theta"].dtype == np.float64
    assert again.diverged == lane.diverged


def test_a_start_that_is_worthless_diverges_at_step_0():
    lane = running(Lane("sgd", start=[[1e300, 1.0], [1.0, 1.0]]))
    rows = record(lane, 3)
    assert list(lane.diverged) == [0]
    assert lane.diverged[0].step == 0
    assert np.isnan(rows["loss"][1:, 0]).all()


@pytest.mark.parametrize("at", [1, 2, 3, 40, 300])
@pytest.mark.parametrize("error", [RuntimeError, ValueError, ZeroDivisionError, MemoryError])
def test_what_a_problem_raises_ends_the_lane_and_leaves_its_rows(at, error):
    whole = record(running(Lane("sgd", start=[1.0, 2.0]), Trap(10**9)), 400)
    lane = running(Lane("sgd", start=[1.0, 2.0]), Trap(at, error))
    if at == 1:  # already at the start
        assert lane.flush() is None
        assert lane.advance(10) is None
    else:
        rows = record(lane, 400)
        assert len(rows["loss"]) == at - 1  # the evaluation of number n is that of step n - 1
        same(rows, {name: column[: at - 1] for name, column in whole.items()})
    assert lane.step == max(0, at - 2) == lane.failure.step
    assert lane.failure.message == f"{error.__name__}: the trap"
    assert "has sprung" in lane.failure.details
    assert lane.advance(500) is None
    if at > 2:  # what is left is good to go on from
        spec = lane.spec
        state = unpack_state(lane.pack(), spec, lane._oracle.layout, CPU)
        again = running(spec, Trap(10**9), resume=state)
        np.testing.assert_array_equal(
            again.advance(at + 5).columns["theta"][:, 0], whole["theta"][at - 1 : at + 6, 0]
        )
        assert again.counts.gradients == at + 5


@pytest.mark.parametrize("shape", [(2, 1), (1,), (), (3,)])
def test_values_of_another_shape_are_a_failure(shape):
    class Wrong(Bowl):
        def evaluate_with_gradient(self, theta, batch=None):
            return torch.zeros(shape), torch.zeros_like(theta)

    lane = running(Lane("sgd", runs=2), Wrong())
    assert f"gave values of shape {shape}" in lane.failure.message


def test_starts_must_fit_the_problem():
    with pytest.raises(ValueError, match="start has 3 numbers in a row, this problem has 2 param"):
        running(Lane("sgd", start=[1, 2, 3], name="x"))


def test_rules_must_fit_the_problem(toys, monkeypatch):
    monkeypatch.setattr(Average, "unfit", classmethod(lambda cls, problem: "not today"))
    with pytest.raises(ValueError, match="lane 'x': not today"):
        running(Lane("toy_average", name="x"))


def test_a_batch_that_does_not_fit_into_memory_is_refused_at_once():
    begin = time.perf_counter()
    with pytest.raises(
        ValueError, match="lane 'x' with 1000000000 runs of 2 parameters would need"
    ):
        running(Lane("sgd", runs=10**9, name="x"))
    assert time.perf_counter() - begin < 1


def test_starts_of_their_own_are_the_same_in_any_batch():
    many = record(running(Lane("sgd", runs=5)), 0)["theta"][0]
    few = record(running(Lane("sgd", runs=2)), 0)["theta"][0]
    np.testing.assert_array_equal(many[:2], few)
    one = record(running(Lane("sgd", runs=5), dtype=torch.float32), 0)["theta"][0]
    np.testing.assert_array_equal(one, many.astype(np.float32))


def test_divergence_is_plain_data():
    assert tuple(Divergence(3, math.inf)) == (3, math.inf)


def test_a_rule_that_couples_runs_is_told_how_many_belong_together():
    spec = Lane("decentralized_sgd", lr=[1e-4, 1e-3], runs=3)
    lane = running(spec)
    assert lane.rule.group == 3
    assert lane._bound.group == 3
    lane.advance(4)
    again = running(spec, resume=lane.snapshot())
    assert again.rule.group == 3
    assert running(Lane("sgd", lr=[1e-4, 1e-3], runs=3)).rule.group == 0


def test_lanes_of_another_stream_begin_alike_and_see_other_batches():
    lanes = [
        Lane("sgd", lr=0.1, runs=2, name="one"),
        Lane("sgd", lr=0.1, runs=2, name="same"),
        Lane("sgd", lr=0.1, runs=2, name="other", stream=1),
        Lane("sgd", lr=0.1, runs=2, name="late", stream=1, branch_of="one", branch_step=3),
    ]
    problem = lab.problem("moons_mlp", batch_size=16)
    recording = lab.run(lab.Experiment(problem, lanes=lanes, steps=5))
    one, same, other, late = (recording.theta(lane.name) for lane in lanes)
    assert (one == same).all()
    assert (one[0] == other[0]).all()
    assert (one[1:] != other[1:]).any(axis=-1).all()
    assert (one[:4] == late[:4]).all()
    assert (one[4:] != late[4:]).any(axis=-1).all()
    assert (other[1, 0] != other[1, 1]).any()

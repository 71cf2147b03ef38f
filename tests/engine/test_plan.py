import math

import numpy as np
import pytest
import torch

from lab.engine.catalogue import accept_unknown
from lab.engine.plan import Change, Lane, branch_name, free_name, lanes_needed
from lab.engine.probe_plan import ProbePlan


def refusal(*args, **kwargs):
    with pytest.raises(ValueError, match=r"^lane ") as caught:
        Lane(*args, **kwargs)
    return str(caught.value)


def test_a_lane_has_all_knobs_of_its_optimizer():
    lane = Lane("adam", lr=1)
    assert lane.knobs["lr"] == 1.0
    assert list(lane.knobs) == [item.name for item in lane.entry.knobs]
    assert (lane.runs, lane.total_runs, lane.start, lane.name) == (1, 1, None, "")
    assert lane == Lane(optimizer="adam", lr=1.0)
    assert lane != Lane("adam", lr=2.0)
    with pytest.raises(TypeError):
        lane.knobs["lr"] = 3.0


@pytest.mark.parametrize(
    ("start", "rows"),
    [
        ([1, 2], ((1.0, 2.0),)),
        ((1.0, 2.0), ((1.0, 2.0),)),
        ([[1, 2], [3, 4]], ((1.0, 2.0), (3.0, 4.0))),
        (np.array([1, 2]), ((1.0, 2.0),)),
        (np.array([[1.5, 2]], dtype=np.float32), ((1.5, 2.0),)),
        (torch.tensor([[1.0, 2.0], [3.0, 4.0]]), ((1.0, 2.0), (3.0, 4.0))),
        ([np.array([1, 2]), torch.tensor([3, 4])], ((1.0, 2.0), (3.0, 4.0))),
        ([np.float64(1), torch.tensor(2.0)], ((1.0, 2.0),)),
        ([-0.0], ((0.0,),)),
    ],
)
def test_starts_of_every_kind(start, rows):
    lane = Lane("sgd", start=start)
    assert lane.start == rows
    assert lane.runs == len(rows)
    assert math.copysign(1, lane.start[0][0]) == 1


@pytest.mark.parametrize(
    ("start", "words"),
    [
        ([], "rows of equal length"),
        ([[]], "rows of equal length"),
        ([[1, 2], [3]], "rows of equal length"),
        ("12", "rows of numbers"),
        (["1", "2"], "rows of numbers"),
        (3, "rows of numbers"),
        ({}, "rows of numbers"),
        ({"x": 1}, "rows of numbers"),
        ([1, [2]], "rows of numbers"),
        ([[[1]]], "rows of numbers"),
        ([True, False], "rows of numbers"),
        ([None, 1], "rows of numbers"),
        ([math.nan, 1], "any finite number"),
        ([[1, math.inf]], "any finite number"),
        ([10**400, 1], "any finite number"),
        (np.zeros((1, 2, 2)), "rows of numbers"),
        (torch.tensor(1.0), "rows of numbers"),
    ],
)
def test_starts_that_are_none(start, words):
    assert words in refusal("sgd", start=start)


def test_one_start_serves_many_runs_but_two_do_not_serve_three():
    assert Lane("sgd", start=[1, 2], runs=5).runs == 5
    assert "runs = 3, but start has 2 rows" in refusal("sgd", start=[[1, 2], [3, 4]], runs=3)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"runs": 0}, "runs = 0 is not allowed: at least 1"),
        ({"runs": 1.5}, "whole number"),
        ({"runs": "many"}, "whole number"),
        ({"runs": True}, "whole number"),
        ({"name": 3}, "name = 3: one line of text"),
        ({"name": "two\nlines"}, "one line of text"),
        ({"branch_of": 3}, "branch_of = 3: one line of text"),
        ({"branch_of": "a", "branch_step": -1}, "branch_step = -1"),
        ({"branch_of": "a", "start": [1, 2]}, "leave out start"),
        ({"branch_step": 3}, "branch_step says nothing without branch_of"),
        ({"stop": -1}, "stop = -1 is not allowed"),
        ({"stop": "x"}, "stop = 'x': a whole number"),
        ({"lr": -1}, "lr = -1 is not allowed: at least 0"),
        ({"lr": math.nan}, "lr = nan is not allowed"),
        ({"lr": []}, "lr = []: at least one value"),
        ({"lr": [0.1, -1]}, "lr = -1 is not allowed"),
        ({"lr": [[0.1]]}, "lr = [0.1]: a number"),
        ({"lr": "0.1"}, "lr = '0.1': a number"),
        ({"nesterov": [True, False]}, "nesterov = [True, False]: true or false"),
        ({"learning_rate": 1}, "'learning_rate' is not a known key"),
        ({"changes": 3}, "changes: 3 came: a list of tables"),
        ({"changes": [3]}, "changes: 3 came: a step and knobs"),
        ({"changes": [{"lr": 1}]}, "a step and knobs"),
        ({"changes": [{"step": -1, "lr": 1}]}, "step = -1 is not allowed"),
        ({"changes": [{"step": 1.5, "lr": 1}]}, "step = 1.5: a whole number"),
        ({"changes": [{"step": 1, "lr": -1}]}, "lr = -1 is not allowed"),
        ({"changes": [{"step": 1, "lr": [1, 2]}]}, "lr = [1, 2]: a number"),
        ({"changes": [{"step": 1, "nesterov": True}]}, "'nesterov' is not a known key"),
        ({"changes": {"step": 1}}, "a list of tables"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(given, words):
    message = refusal("sgd", **given)
    assert message.startswith("lane ")
    assert words in message
    assert "\n" not in message


@pytest.mark.parametrize("optimizer", ["", "adm", 3, None, ["adam"], {"name": "adam"}])
def test_unknown_optimizers(optimizer):
    with pytest.raises(ValueError, match="optimizer"):
        Lane(optimizer)


def test_a_sweep_has_a_run_for_each_combination_and_start():
    lane = Lane("adam", beta1=[0.5, 0.9], lr=[0.1, 0.2, 0.3], start=[[0, 1], [2, 3]])
    assert lane.sweep == {"lr": (0.1, 0.2, 0.3), "beta1": (0.5, 0.9)}
    assert (lane.runs, lane.total_runs) == (2, 12)
    table = lane.run_knobs()
    assert len(table) == 12
    # the first knob of the optimizer varies slowest, starts fastest, whatever order was written
    assert [row["lr"] for row in table] == [0.1] * 4 + [0.2] * 4 + [0.3] * 4
    assert [row["beta1"] for row in table] == [0.5, 0.5, 0.9, 0.9] * 3
    assert lane == Lane("adam", lr=[0.1, 0.2, 0.3], beta1=[0.5, 0.9], start=[[0, 1], [2, 3]])
    assert list(lane.to_data())[:4] == ["optimizer", "start", "lr", "beta1"]


def test_sweeps_of_arrays():
    assert Lane("adam", lr=np.array([0.5, 1])).sweep == {"lr": (0.5, 1.0)}
    assert Lane("adam", lr=torch.tensor([0.5, 1])).sweep == {"lr": (0.5, 1.0)}
    assert Lane("adam", lr=np.array(0.5)).sweep == {}
    assert Lane("adam", lr=(0.5,)).total_runs == 1
    assert Lane("adam").run_knobs() == [{}]


def test_a_fixed_knob_cannot_be_swept(toys):
    assert "slow = [True]" in refusal("toy_average", slow=[True])


def test_turning_a_knob_is_a_change_and_at_the_start_a_knob():
    lane = Lane("sgd", lr=0.1, name="x")
    later = lane.with_change(5, {"lr": 0.2}).with_change(3, {"lr": 0.3})
    assert later.changes == (Change(3, {"lr": 0.3}), Change(5, {"lr": 0.2}))
    again = later.with_change(5, {"momentum": 0.5}).with_change(5, {"lr": 0.4})
    assert again.changes[1] == Change(5, {"lr": 0.4, "momentum": 0.5})
    first = lane.with_change(0, {"lr": 0.2})
    assert (first.knobs["lr"], first.changes) == (0.2, ())
    assert [again.knobs_at(step)["lr"] for step in (0, 2, 3, 4, 5, 99)] == [
        0.1,
        0.1,
        0.3,
        0.3,
        0.4,
        0.4,
    ]


def test_turning_at_the_start_overrides_a_change_that_was_planned_for_it():
    lane = Lane("sgd", lr=0.1, changes=[Change(0, {"lr": 0.5, "momentum": 0.3})])
    turned = lane.with_change(0, {"lr": 0.2})
    assert turned.knobs_at(0)["lr"] == 0.2
    assert turned.knobs_at(0)["momentum"] == 0.3


def test_a_knob_that_is_turned_back_is_not_turned():
    lane = Lane("sgd", lr=0.1, changes=[{"step": 3, "lr": 0.3}, {"step": 9, "lr": 0.3}])
    turned = lane.with_change(5, {"lr": 0.5, "momentum": 0.5})
    back = turned.with_change(5, {"lr": 0.3})
    assert back.changes[1] == Change(5, {"momentum": 0.5})
    assert back.with_change(5, {"momentum": 0.0}) == lane
    assert turned.with_change(5, {"lr": 0.1}).changes[1].knobs["lr"] == 0.1  # not what held before
    assert turned.with_change(9, {"lr": 0.1}).changes[2] == Change(9, {"lr": 0.1})
    swept = Lane("sgd", lr=[0.1, 0.2])
    assert swept.with_change(0, {"lr": 0.3}).with_change(0, {"lr": 0.1}).knobs_at(0)["lr"] == 0.1


def test_turning_a_swept_knob_keeps_the_runs():
    lane = Lane("sgd", lr=[0.1, 0.2])
    for step in (0, 7):
        turned = lane.with_change(step, {"lr": 0.3})
        assert turned.total_runs == 2
        assert turned.knobs_at(step)["lr"] == 0.3


def test_only_live_knobs_can_be_turned(toys):
    for step in (0, 3):
        with pytest.raises(ValueError, match="'slow' is not a known key; allowed: lr"):
            Lane("toy_average").with_change(step, {"slow": True})


def test_changes_of_one_step_are_one_change():
    lane = Lane(
        "sgd",
        changes=[
            {"step": 9, "lr": 1},
            Change(4, {"lr": 0.1}),
            {"step": 4, "momentum": 0.2},
            {"step": 4, "lr": 0.3},
        ],
    )
    assert lane.changes == (Change(4, {"lr": 0.3, "momentum": 0.2}), Change(9, {"lr": 1.0}))
    assert lane.with_change(4, {"lr": 0.5}).changes[0].knobs == {"lr": 0.5, "momentum": 0.2}


def test_a_branch_has_the_knobs_that_held_where_it_leaves():
    lane = Lane("sgd", lr=0.1, momentum=0.5, runs=3, name="a", stop=50).with_change(5, {"lr": 0.2})
    lane = lane.with_change(9, {"lr": 0.9})
    branch = lane.branched("a~2", 7, {"momentum": 0.6})
    assert branch == Lane(
        "sgd", lr=0.2, momentum=0.6, runs=3, name="a~2", branch_of="a", branch_step=7
    )


def test_a_branch_of_a_sweep_keeps_its_runs():
    lane = Lane("sgd", lr=[0.1, 0.2], momentum=[0.3, 0.4], name="a")
    lane = lane.with_change(2, {"momentum": 0.5})
    branch = lane.branched("a~2", 4, {"lr": 0.6})
    assert branch.total_runs == lane.total_runs
    assert branch.knobs_at(3) == lane.knobs_at(3) | {"momentum": (0.3, 0.4)}
    assert branch.knobs_at(4)["lr"] == 0.6
    assert branch.knobs_at(4)["momentum"] == 0.5
    assert lane.branched("b", 4, {"lr": [0.7, 0.8]}).sweep["lr"] == (0.7, 0.8)


def test_copies_with_other_attributes():
    lane = Lane("sgd", start=[[1, 2], [3, 4]], lr=0.3, name="a")
    assert lane.renamed("b").name == "b"
    assert lane.with_knobs(lr=0.4).knobs["lr"] == 0.4
    assert lane.replace(start=[5, 6]).runs == 1
    assert lane.replace(stop=7).stop == 7
    assert lane.replace(start=None).runs == 2
    with pytest.raises(ValueError, match="lr = -1"):
        lane.with_knobs(lr=-1)


@pytest.mark.parametrize(
    "lane",
    [
        Lane("adam"),
        Lane("adam", name="x y", lr=0.5, runs=4, start=[1, 2], stop=9),
        Lane("sgd", lr=[0.1, 0.2], changes=[{"step": 3, "momentum": 0.5}]),
        Lane("sgd", branch_of="a", branch_step=5, runs=2),
    ],
)
def test_plain_data_and_back(lane):
    assert Lane.from_data(lane.to_data()) == lane


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "optimizer = '...' is needed"),
        (3, "3 came: a table with optimizer = '...' is needed"),
        ({"optimizer": 3}, "optimizer = 3"),
        ({"optimizer": "adam", "self": 1}, "'self' is not a known key"),
        ({"optimizer": "adam", "rnus": 1}, "'rnus' is not a known key (did you mean 'runs'?)"),
        ({"optimizer": "adam", "lrr": 1}, "did you mean 'lr'"),
    ],
)
def test_wrong_data(data, words):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - compared in full below
        Lane.from_data(data)
    assert words in str(caught.value)


def test_a_lane_of_an_optimizer_that_is_not_here_can_be_shown():
    data = {"optimizer": "theirs", "name": "t", "self": 1, "depth": [1, 2]}
    with accept_unknown():
        lane = Lane.from_data(data | {"changes": [{"step": 3, "depth": 2}]})
    assert lane.entry.error == "it is not installed here"
    assert lane.to_data() == data | {"changes": [{"step": 3, "depth": 2}]}
    assert (lane.total_runs, lane.sweep) == (1, {})


def test_names_count_on():
    assert branch_name("adam", {}) == "adam~2"
    assert branch_name("adam~2", {"adam~2"}) == "adam~3"
    assert free_name("torch.optim.Adam", {}) == "Adam"
    assert free_name("adam", {"adam", "adam-2"}) == "adam-3"


def test_removed_lanes_stay_as_far_as_others_branched_from_them():
    a = Lane("sgd", name="a")
    b = a.branched("b", 5, {})
    c = b.branched("c", 9, {})
    d = a.branched("d", 7, {})

    def needed(*removed):
        return {lane.name: lane.stop for lane in lanes_needed([a, b, c, d], removed)}

    assert needed() == {"a": None, "b": None, "c": None, "d": None}
    assert needed("a") == {"a": 7, "b": None, "c": None, "d": None}
    assert needed("a", "d") == {"a": 5, "b": None, "c": None}
    assert needed("a", "b", "d") == {"a": 5, "b": 9, "c": None}
    assert needed("b", "c") == {"a": None, "d": None}
    assert needed("a", "b", "c", "d") == {}


def test_probe_plans(toys):
    plan = ProbePlan("toy_where", 5, {"power": 2})
    assert plan.to_data() == {"name": "toy_where", "every": 5, "power": 2}
    assert ProbePlan.from_data(plan.to_data()) == plan
    assert ProbePlan.from_data("toy_where") == ProbePlan("toy_where")
    assert ProbePlan("toy_where").to_data() == {"name": "toy_where", "every": 20}
    assert plan.make().power == 2


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "name = '...' is needed"),
        (3, "3 came: a table with name = '...' is needed"),
        ({"nmae": "roughness"}, "name = '...' is needed, not 'nmae'"),
        ({"name": 3}, "the name of a probe is needed"),
        ({"name": "toy_wher"}, "did you mean 'toy_where'"),
        ({"name": "toy_where", "every": 0}, "probe 'toy_where': every = 0 is not allowed"),
        ({"name": "toy_where", "power": 9}, "probe 'toy_where': power = 9 is not allowed"),
        ({"name": "toy_where", "color": 9}, "'color' is not a known key"),
    ],
)
def test_wrong_probe_plans(toys, data, words):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - compared in full below
        ProbePlan.from_data(data)
    assert words in str(caught.value)


def test_knobs_are_tables():
    with pytest.raises(ValueError, match="probe 'roughness': knobs = 3: names and values"):
        ProbePlan("roughness", knobs=3)
    with pytest.raises(ValueError, match="changes: knobs = 'lr': names and values are needed"):
        Lane("adam", changes=[Change(3, "lr")])


def test_the_knobs_of_one_run_are_its_row():
    lane = Lane("sgd", lr=[1e-3, 1e-2], momentum=[0.0, 0.5, 0.9], runs=4)
    table = lane.run_knobs()
    assert len(table) == 24
    assert [lane.knobs_of(run) for run in range(24)] == table
    table[0]["lr"] = 5.0
    assert lane.run_knobs()[0]["lr"] == 1e-3
    assert Lane("sgd", runs=2).knobs_of(1) == {}


def test_a_stream_is_kept_by_files_and_branches():
    lane = Lane("sgd", name="a", lr=0.1, stream=3)
    assert Lane.from_data(lane.to_data()) == lane
    assert lane.branched("b", 5, {}).stream == 3
    assert "stream" not in Lane("sgd").to_data()
    with pytest.raises(ValueError, match="stream = -1"):
        Lane("sgd", stream=-1)

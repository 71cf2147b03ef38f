import numpy as np
import pytest
import torch
from sessions import (
    COUNTED,
    THREE,
    assert_same,
    assert_same_lane,
    assert_same_lanes,
    experiment,
    reach,
    told,
)
from toys import Bowl, Regression, Trap

from lab.engine.catalogue import Choice
from lab.engine.experiment import Experiment
from lab.engine.headless import run
from lab.engine.plan import Lane
from lab.engine.probe_plan import ProbePlan
from lab.engine.recorder import open_recording
from lab.engine.session import Session

pytestmark = pytest.mark.usefixtures("toys")


def in_slices(session, seed):
    """Advance in random slices of time and steps, and look at things meanwhile."""
    rng = np.random.default_rng(seed)
    more = True
    while more:
        target = int(rng.integers(session.head, session.target + 1))
        if rng.random() < 0.5:
            session.advance(target, float(rng.choice([0, 1e-4, 1e-3])))
        more = session.advance(seconds=float(rng.choice([0, 1e-4, 1e-3])))
        if rng.random() < 0.7:
            session.jobs.work(float(rng.choice([0, 1e-3])))
        if rng.random() < 0.1:
            session.keep()
        if rng.random() < 0.1:
            lane = str(rng.choice(session.recording.lanes))
            session.state_at(lane, int(rng.integers(0, session.recording.lane(lane).head + 1)))
    while session.jobs:
        session.jobs.work()
    return session.recording


# -- the same numbers --------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("problem", ["rosenbrock", Regression()], ids=["surface", "batches"])
def test_the_pace_changes_nothing(problem, dtype):
    lanes = THREE if problem == "rosenbrock" else [lane.replace(start=None) for lane in THREE]
    probes = [ProbePlan("toy_where", 7), ProbePlan("toy_together", 10), ProbePlan("toy_where", 4)]
    plan = experiment(problem, lanes, dtype=dtype, probes=probes)
    whole = run(plan)
    assert whole.experiment == plan
    for seed in range(4):
        assert_same(whole, in_slices(Session(plan), seed))


def test_watching_changes_nothing():
    watched = run(experiment(probes=[ProbePlan("toy_where", 1), ProbePlan("toy_together", 3)]))
    alone = run(experiment())
    assert alone.results == []
    for name in alone.lanes:
        assert_same_lane(watched, alone, name)


def test_lanes_do_not_know_of_each_other():
    together = run(experiment())
    for lane in THREE:
        assert_same_lane(together, run(experiment(lanes=[lane])), lane.optimizer)


@pytest.mark.parametrize("problem", ["rosenbrock", Regression()], ids=["surface", "batches"])
def test_every_step_can_be_sought_and_gone_on_from(problem):
    lanes = THREE if problem == "rosenbrock" else [lane.replace(start=None) for lane in THREE]
    session = Session(experiment(problem, lanes))
    recording = session.run()
    for name in recording.lanes:
        theta, head = recording.theta(name), recording.lane(name).head
        loss = recording.scalar(name, "loss")
        for step in range(head + 1):
            state = session.state_at(name, step)
            assert state.step == step
            alive = [r for r in range(theta.shape[1]) if r not in state.diverged]
            np.testing.assert_array_equal(state.theta[alive], theta[step, alive])
            counts = [recording.scalar(name, quantity)[step, 0] for quantity in COUNTED]
            assert list(state.counts) == counts
            if not step % 23:
                again = session._lanes._make(recording.lane(name).spec, state)
                while again.step < head:
                    block = again.advance(head)
                    rows = slice(block.first, again.step + 1)
                    np.testing.assert_array_equal(block.columns["theta"], theta[rows])
                    np.testing.assert_array_equal(block.columns["loss"], loss[rows])


@pytest.mark.parametrize("step", [-1, 121, 10**9])
def test_steps_that_are_not_on_record(step):
    session = Session(experiment())
    session.run()
    with pytest.raises(ValueError, match=f"step = {step} of 'adam' is not on record: 0 to 120"):
        session.state_at("adam", step)
    with pytest.raises(ValueError, match="no lane is called 'x'"):
        session.state_at("x", 0)


@pytest.mark.parametrize("at", [0, 1, 64, 120])
@pytest.mark.parametrize("way", ["save", "record"])
def test_a_recording_is_resumed_as_if_nothing_had_happened(tmp_path, at, way):
    probes = [ProbePlan("toy_where", 7), ProbePlan("toy_together", 10), ProbePlan("toy_sum", 5)]
    plan = experiment(probes=probes)
    whole = run(plan)
    path = tmp_path / "x.lab"
    session = Session(plan, path=path if way == "record" else None)
    reach(session, at)  # the last measurements are left waiting
    assert at == 0 or len(session.jobs)
    if way == "save":
        session.keep()
        session.recording.save(path)
    else:
        session.keep()
    session.recording.close()
    again = Session(resume=open_recording(path))
    assert again.head == at
    assert_same(whole, in_slices(again, at))
    assert again.experiment == plan


def test_going_on_in_the_file_itself(tmp_path):
    path = tmp_path / "x.lab"
    session = Session(experiment(steps=40), path=path)
    session.run()
    session.recording.close()
    session = Session(resume=open_recording(path), path=path)
    session.set_steps(120)
    session.run()
    session.recording.close()
    assert [item.name for item in tmp_path.iterdir()] == ["x.lab"]
    assert_same(run(experiment()), open_recording(path))


def test_an_interrupted_run_goes_on_where_it_was_kept(tmp_path, monkeypatch):
    plan = experiment(steps=500, lanes=THREE[:2], probes=[ProbePlan("toy_where", 50)])
    path = tmp_path / "x.lab"
    calls = []

    def interrupt(step, last):
        calls.append(step)
        if step > 100:
            raise KeyboardInterrupt

    monkeypatch.setattr("lab.engine.session.PATIENCE", 0.002)
    monkeypatch.setattr("lab.engine.session.KEEP_EVERY", 0.0)
    with pytest.raises(KeyboardInterrupt):
        run(plan, to=path, progress=interrupt)
    opened = open_recording(path)
    assert 0 < opened.head < 500
    assert_same(run(plan), Session(resume=opened).run())


def test_progress_is_told(monkeypatch):
    monkeypatch.setattr("lab.engine.session.PATIENCE", 0.0)
    told = []
    run(experiment(steps=30), progress=lambda step, last: told.append((step, last)))
    assert told == sorted(told)
    assert len(told) > 5
    assert told[-1] == (30, 30)
    run(experiment(steps=0), progress=lambda step, last: told.append((step, last)))
    assert told[-1] == (0, 0)


def test_threads_belong_to_the_problem_and_are_given_back():
    torch.set_num_threads(2)
    session = Session(experiment())
    assert torch.get_num_threads() == session.threads == 1
    torch.set_num_threads(2)
    session.advance(3)
    assert torch.get_num_threads() == 1
    torch.set_num_threads(2)
    seen = []
    run(experiment(steps=3), progress=lambda *args: seen.append(torch.get_num_threads()))
    assert seen[-1] == 1
    assert torch.get_num_threads() == 2


# -- what is done to a session -----------------------------------------------------------------


def test_a_knob_turned_at_the_head_is_a_change_of_the_experiment():
    session = Session(experiment())
    session.advance(20)
    assert session.set_knob("adam", "lr", np.float32(0.5)) == "adam"
    session.advance(30)
    session.set_knob("sgd", "lr", 1e-4)
    session.set_knob("sgd", "momentum", 0.5)
    session.advance()
    assert session.experiment.lane("adam").changes[0].step == 20
    assert_same(run(session.experiment), session.recording)
    event = next(e for e in session.recording.events if e.kind == "knob")
    assert (event.step, event.lane, event.kind, event.data) == (20, "adam", "knob", {"lr": 0.5})
    assert type(event.data["lr"]) is float


def test_a_knob_turned_at_the_start_is_a_knob():
    session = Session(experiment())
    session.set_knob("adam", "lr", 0.2)
    session.set_knob("sgd", "lr", 1e-4)  # swept: its runs stay, and are turned together
    session.advance()
    assert session.experiment.lane("adam").changes == ()
    assert session.recording.theta("sgd").shape[1] == 3
    assert_same(run(session.experiment), session.recording)


def test_a_knob_turned_in_the_past_makes_a_branch():
    session = Session(experiment())
    session.advance(50)
    name = session.set_knob("adam", "lr", 0.2, step=20)
    assert name == "adam~2"
    session.advance()
    branch, parent = session.recording.theta(name), session.recording.theta("adam")
    np.testing.assert_array_equal(branch[:21], parent[:21])
    assert (branch[21:] != parent[21:]).any(axis=(1, 2)).all()
    assert_same(run(session.experiment), session.recording)
    assert [e.kind for e in session.recording.events if e.lane == name] == ["branch"]


@pytest.mark.parametrize("step", [0, 1, 37, 70, 120])
@pytest.mark.parametrize("lane", ["adam", "sgd", "toy_average"])
def test_a_branch_is_the_run_that_its_experiment_describes(lane, step):
    session = Session(experiment())
    session.advance()
    if step > session.recording.lane(lane).head:
        with pytest.raises(ValueError, match="is not on record: 0 to 70"):
            session.branch(lane, step)
        return
    one = session.branch(lane, step, {"lr": 1e-4})
    two = session.branch(one, step)  # leaves the branch where the branch left its parent
    session.set_steps(160)
    session.advance()
    np.testing.assert_array_equal(session.recording.theta(one), session.recording.theta(two))
    three = session.branch(two, 140, {"lr": 1e-5})
    session.advance()
    assert session.experiment.lane(three).branch_of == two
    assert_same(run(session.experiment), session.recording)


def test_a_branch_with_another_rule_begins_with_a_fresh_state():
    session = Session(experiment())
    session.advance()
    for name, optimizer, knobs in (
        ("b", "sgd", {"lr": 1e-4}),
        ("c", "toy_average", {"slow": True}),
    ):
        origin = "adam" if name == "b" else "toy_average"
        spec = Lane(
            optimizer, name=name, branch_of=origin, branch_step=30, runs=2, **{"lr": 1e-4, **knobs}
        )
        session.add_lane(spec)
    session.advance()
    theta = session.recording.theta("c")
    np.testing.assert_array_equal(theta[:31], session.recording.theta("toy_average")[:31])
    shown = session.recording.lane("c").read("shown", 31, 32)[1]
    assert np.isfinite(shown).all()
    assert_same(run(session.experiment), session.recording)


def test_a_branch_of_a_file_waits_for_its_parent():
    lanes = [THREE[0], Lane("adam", branch_of="adam", branch_step=200, runs=2, name="late")]
    recording = run(experiment(lanes=lanes, probes=[ProbePlan("toy_where", 2)]))
    assert recording.lane("late").head == 200
    np.testing.assert_array_equal(recording.theta("late"), recording.theta("adam"))


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("set_knob", "x", "lr", 1), "no lane is called 'x'; there are: adam, sgd, toy_average"),
        (("set_knob", "adam", "x", 1), "'x' is not a known key"),
        (("set_knob", "adam", "lr", -1), "lr = -1 is not allowed"),
        (("set_knob", "adam", "lr", float("nan")), "lr = nan is not allowed"),
        (("set_knob", "toy_average", "slow", True), "'slow' is not a known key"),
        (("set_knob", "adam", "lr", -1, 5), "lr = -1 is not allowed"),
        (("branch", "x", 5), "no lane is called 'x'"),
        (("branch", "adam", 500), "is not on record"),
        (("branch", "adam", -5), "step = -5 of 'adam' is not on record"),
        (("branch", "adam", "5"), "step = '5': a whole number is needed"),
        (("branch", "adma", 5), "no lane is called 'adma' (did you mean 'adam'?)"),
        (("branch", ["adam"], 5), "no lane is called ['adam']"),
        (("set_knob", "adam", "lr", 1, 2.5), "step = 2.5: a whole number is needed"),
        (("branch", "adam", 5, {"lr": -1}), "lr = -1 is not allowed"),
        (
            ("branch", "adam", 5, {"lr": [1, 2]}),
            "it has 4 runs, and 'adam', which it branches from",
        ),
        (("branch", "adam", 5, {}, "sgd"), "there is a lane called 'sgd' already"),
        (("add_lane", Lane("adam", name="sgd")), "there is a lane called 'sgd' already"),
        (("add_lane", Lane("adam", start=[1, 2, 3])), "start has 3 numbers"),
        (("add_lane", Lane("adam", branch_of="x")), "branch_of = 'x' is no earlier lane"),
        (("remove_lane", "x"), "no lane is called 'x'"),
        (("restart_lane", Lane("adam", name="x")), "no lane is called 'x'"),
        (("restart_lane", Lane("adam", name="sgd", start=[1, 2, 3])), "start has 3 numbers"),
        (("set_steps", -1), "steps = -1 is not allowed"),
        (("set_steps", 1.5), "steps = 1.5: a whole number"),
    ],
)
def test_a_command_that_is_refused_changes_nothing(command, words):
    session = Session(experiment())
    session.advance(30)
    before = session.experiment, list(session.recording.events), session.recording.lanes
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - compared in full below
        getattr(session, command[0])(*command[1:])
    assert words in str(caught.value)
    after = session.experiment, list(session.recording.events), session.recording.lanes
    assert before == after
    session.advance()
    assert_same(run(experiment()), session.recording)


def test_lanes_are_added_and_catch_up():
    session = Session(experiment(lanes=THREE[:1]))
    session.advance(60)
    assert session.add_lane(THREE[1]) == "sgd"
    assert (session.head, session.front) == (0, 60)
    assert session.add_lane(Lane("adam")) == "adam-2"
    session.advance()
    assert_same(run(session.experiment), session.recording)


def test_a_removed_lane_is_gone_and_returns_as_it_was():
    session = Session(experiment())
    session.advance(40)
    session.remove_lane("sgd")
    assert session.recording.lanes == ["adam", "toy_average"]
    assert [lane.name for lane in session.experiment.lanes] == ["adam", "toy_average"]
    with pytest.raises(ValueError, match="no lane is called 'sgd'"):
        session.remove_lane("sgd")
    with pytest.raises(ValueError, match="no lane is called 'sgd'"):
        session.set_knob("sgd", "lr", 1)
    with pytest.raises(ValueError, match="no lane is called 'sgd'"):
        session.branch("sgd", 3)
    session.advance(80)
    session.add_lane(THREE[1].renamed("sgd"))
    assert session.recording.lane("sgd").head == 40  # not run again
    session.advance()
    assert session.experiment == Session(experiment()).experiment
    assert_same(run(experiment()), session.recording)


def test_the_name_of_a_removed_lane_can_be_taken():
    session = Session(experiment())
    session.advance(40)
    session.remove_lane("sgd")
    assert session.add_lane(Lane("sgd", lr=1e-4)) == "sgd-2"  # not by chance
    session.add_lane(Lane("sgd", lr=1e-5, name="sgd"))
    session.advance()
    assert [lane.name for lane in session.experiment.lanes] == [
        "adam",
        "sgd",
        "toy_average",
        "sgd-2",
    ]
    assert_same_lanes(run(session.experiment), session.recording)


def test_a_removed_lane_stays_in_the_experiment_as_far_as_branches_need_it():
    session = Session(experiment(lanes=THREE[:1]))
    session.advance(50)
    first = session.branch("adam", 20, {"lr": 0.1})
    second = session.branch("adam", 40, {"lr": 0.2})
    session.remove_lane("adam")
    session.advance()
    assert session.recording.lanes == [first, second]
    assert session.experiment.lane("adam").stop == 40
    again = run(session.experiment)
    assert_same_lane(again, session.recording, first)
    assert_same_lane(again, session.recording, second)
    assert_same_lane(again, session.recording, "adam", 41)
    third = session.branch(first, 10, {"lr": 0.3})  # in the past that it shares with the removed
    session.remove_lane(second)
    assert session.experiment.lane("adam").stop == 20
    session.remove_lane(first)
    assert session.experiment.lane("adam").stop == 10
    session.advance()
    assert_same_lane(run(session.experiment), session.recording, third)
    session.remove_lane(third)
    assert session.experiment.lanes == ()
    for name in ("adam", first, second, third):  # all of them return
        session.add_lane(session.recording.lane(name).spec)
    session.advance()
    assert_same(run(session.experiment), session.recording)


def test_a_lane_is_restarted_in_its_place():
    session = Session(experiment(probes=[ProbePlan("toy_where", 10)]))
    session.advance(50)
    session.jobs.work()
    session.restart_lane(THREE[1].replace(start=[0.5, 0.5]).renamed("sgd"))
    assert not [r for r in session.recording.results if r.lane == "sgd"]
    session.run()
    assert session.recording.lanes == ["adam", "sgd", "toy_average"]
    again = run(session.experiment)
    assert_same_lanes(again, session.recording)
    assert told(again)[0] == told(session.recording)[0]
    assert [e.kind for e in session.recording.events if e.lane == "sgd"].count("restarted") == 1


def test_a_lane_with_branches_is_not_restarted_and_removed_branches_do_not_matter():
    session = Session(experiment())
    session.advance(50)
    name = session.branch("sgd", 20)
    spec = session.experiment.lane("sgd")
    with pytest.raises(ValueError, match="lane 'sgd' has branches, which share its past"):
        session.restart_lane(spec)
    session.advance(50)
    second = session.branch(name, 40)
    branch = session.experiment.lane(name)
    session.remove_lane(name)
    with pytest.raises(ValueError, match="lane 'sgd' has branches, which share its past"):
        session.restart_lane(spec)  # the branch of the branch is still there
    session.remove_lane(second)
    session.restart_lane(spec)
    assert name not in session.recording.records
    session.add_lane(branch)  # undone: made again from the new rows
    session.advance()
    assert_same_lanes(run(session.experiment), session.recording)


COMMANDS = (
    "knob",
    "knob",
    "past",
    "branch",
    "add",
    "remove",
    "restart",
    "return",
    "advance",
    "keep",
)


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_done_the_experiment_gives_the_same_record(seed, tmp_path):
    rng = np.random.default_rng(seed)
    problem = "rosenbrock" if seed % 3 else Choice("problem", "rosenbrock", {"b": 10.0})
    session = Session(experiment(problem, steps=60, dtype=("float32", "float64")[seed % 2]))
    refusals = []
    for number in range(40):
        lanes = session.recording.lanes
        command = str(rng.choice(COMMANDS)) if lanes else "add"
        name = str(rng.choice(lanes)) if lanes else ""
        head = session.recording.lane(name).head if name else 0
        try:
            act(session, rng, command, name, head, tmp_path / f"{number}.lab")
        except ValueError as error:
            refusals.append(str(error))
        if command == "keep" and number > 20:  # and another session takes over
            session.recording.close()
            session = Session(resume=open_recording(tmp_path / f"{number}.lab"))
        session.advance(min(60, session.head + int(rng.integers(0, 8))))
    session.advance()
    assert all("has branches" in text or "cannot go on" in text for text in refusals), refusals
    again = run(session.experiment)
    for lane in session.experiment.lanes:
        ends = [r.lane(lane.name).head for r in (again, session.recording)]
        assert_same_lane(again, session.recording, lane.name, min(ends) + 1)
        if lane.name in session.recording.lanes:
            assert ends[0] == ends[1]
    assert set(session.recording.lanes) <= set(again.lanes)


def act(session, rng, command, name, head, path):
    lr = float(10 ** rng.uniform(-5, -2))
    knob = str(rng.choice(["lr", "lr", "momentum", "beta1"]))
    knobs = [item.name for item in session.recording.lane(name).spec.entry.knobs] if name else []
    knob, value = (knob, 0.5) if knob in knobs and knob != "lr" else ("lr", lr)
    if command == "knob":
        session.set_knob(name, knob, value)
    elif command == "past":
        session.set_knob(name, knob, value, step=int(rng.integers(0, head + 1)))
    elif command == "branch":
        session.branch(name, int(rng.integers(0, head + 1)), {knob: value})
    elif command == "add":
        session.add_lane(
            Lane(str(rng.choice(["sgd", "adam", "toy_average"])), lr=[lr, 2 * lr], runs=2)
        )
    elif command == "remove" and len(session.recording.lanes) > 1:
        session.remove_lane(name)
    elif command == "restart":
        spec = session.recording.lane(name).spec
        if not spec.branch_of:
            session.restart_lane(spec.with_change(3, {"lr": lr}))
    elif command == "return":
        gone = [r.spec for r in session.recording.records.values() if r.removed]
        if gone:
            session.add_lane(gone[0])
    elif command == "keep":
        session.keep()
        session.recording.save(path)


# -- what goes wrong ---------------------------------------------------------------------------


def test_a_run_that_diverges_is_marked_with_its_step_and_loss():
    recording = run(experiment(lanes=[Lane("sgd", lr=[1e-4, 0.5], start=[-1.5, 2.0])]))
    (run_number,) = recording.diverged("sgd")
    step, loss = recording.diverged("sgd")[run_number]
    assert run_number == 1
    (event,) = recording.events
    assert (event.kind, event.lane, event.step) == ("diverged", "sgd", step)
    assert event.data == {"run": 1, "loss": repr(loss)}
    assert np.isnan(recording.scalar("sgd", "loss")[step + 1 :, 1]).all()


def test_a_problem_that_raises_ends_one_lane_and_not_the_others():
    trap = Trap(25)  # lanes take turns: one of them meets it
    session = Session(Experiment(trap, ["sgd", "adam"], steps=60, device="cpu"))
    session.run()
    heads = {name: session.recording.lane(name).head for name in session.recording.lanes}
    (failed,) = [event for event in session.recording.events if event.kind == "failed"]
    other = "adam" if failed.lane == "sgd" else "sgd"
    assert heads[other] == 60
    assert heads[failed.lane] == failed.step < 60
    assert failed.data["message"] == "RuntimeError: the trap"
    assert "Traceback" in failed.data["details"]
    assert session.recording.lane(failed.lane).failure == "RuntimeError: the trap"
    with pytest.raises(ValueError, match="cannot go on: RuntimeError: the trap"):
        session.set_knob(failed.lane, "lr", 0.5)
    branch = session.branch(failed.lane, failed.step // 2)  # from before it went wrong
    session.remove_lane(failed.lane)
    session.advance()
    assert session.recording.lane(branch).head == 60


def test_a_problem_that_raises_at_once_leaves_a_session_without_rows():
    session = Session(Experiment(Trap(1), ["sgd", "adam"], steps=10, device="cpu"))
    recording = session.run()
    assert recording.lane("sgd").head == -1
    assert recording.lane("adam").head == 10
    with pytest.raises(ValueError, match="has no 'theta' on record"):
        recording.theta("sgd")


def test_an_experiment_that_cannot_run_leaves_an_old_file_alone(tmp_path):
    path = tmp_path / "x.lab"
    path.write_text("precious")
    for lanes in ([Lane("sgd", start=[1, 2, 3])], [Lane("sgd", name="a", branch_of="b")]):
        with pytest.raises(ValueError, match=r"3 numbers|no earlier lane"):
            run(experiment(lanes=lanes), to=path)
    assert path.read_text() == "precious"


def test_objects_are_problems_too():
    session = Session(Experiment(Bowl(4), [Lane("sgd", runs=3)], steps=5, device="cpu"))
    recording = session.run()
    assert recording.theta("sgd").shape == (6, 3, 4)
    assert recording.experiment.problem is session.problem

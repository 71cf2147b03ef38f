"""What lies between any two points of the record."""

import numpy as np
import pytest

import lab
from lab import analysis
from lab.engine import requests
from lab.engine.lineage import parting
from lab.engine.session import Session


@pytest.fixture(scope="module")
def session():
    lanes = [
        lab.Lane("sgd", lr=0.3, runs=2, name="trunk"),
        lab.Lane("sgd", lr=0.3, runs=2, name="branch", branch_of="trunk", branch_step=6, stream=1),
        lab.Lane("adam", lr=0.05, name="adam"),
    ]
    made = Session(
        lab.Experiment(
            lab.problem("moons_mlp", samples=60, widths=(6,), batch_size=8), lanes=lanes, steps=20
        )
    )
    made.run()
    return made


def measure(session, **options):
    """The result that goes on record."""
    job = requests.make(session, "join", options)
    session.ask(job)
    session.jobs.work()
    assert not [event for event in session.recording.events if event.kind == "failed"]
    return session.recording.results[-1]


def point(session, lane, run, step):
    return session.recording.theta(lane)[step, run].astype(np.float32)


def test_the_line_between_two_steps_of_one_run(session):
    ends = (("trunk", 1, 4), ("trunk", 1, 19))
    found = measure(session, kind="line", ends=ends, points=9)
    wanted = analysis.linear_path(
        session.problem, *(point(session, *end) for end in ends), points=9
    )
    assert (found.name, found.step) == ("connectivity", 19)
    assert (found.lane_a, found.run_a, found.step_a) == ("trunk", 1, 4)
    assert (found.lane_b, found.run_b, found.step_b) == ("trunk", 1, 19)
    assert found.chosen
    np.testing.assert_allclose(found.loss, wanted.loss, rtol=1e-5)
    assert found.barrier_chord == pytest.approx(wanted.barrier_chord, abs=1e-6)
    told = analysis.barrier_predictor(session.problem, *(point(session, *end) for end in ends))
    assert found.from_ends == pytest.approx(told.from_ends, rel=1e-3)
    assert "60 samples" in found.data
    assert "angle_branch" not in found.info


def test_a_line_is_measured_as_the_plan_of_the_probe_says():
    lanes = [lab.Lane("sgd", lr=0.3, runs=2)]
    knobs = {"points": 7, "method": "activations", "repair": True}
    plans = [lab.ProbePlan("connectivity", 50, knobs)]
    problem = lab.problem("moons_mlp", samples=40, widths=(5,))
    session = Session(lab.Experiment(problem, lanes=lanes, steps=4, probes=plans))
    session.run()
    ends = (("sgd", 0, 4), ("sgd", 1, 4))
    found = measure(session, ends=ends)
    one, two = (point(session, *end) for end in ends)
    moved = analysis.match_permutation(problem, one, two, method="activations")
    wanted = analysis.linear_path(problem, one, moved, points=7, repair=True)
    np.testing.assert_allclose(found.matched_loss, wanted.loss, rtol=1e-4)
    assert found.repaired
    assert "matched_loss" not in measure(session, ends=ends, method="").arrays


def test_a_branch_has_its_angles_at_different_steps_too(session):
    ends = (("trunk", 0, 20), ("branch", 0, 15))
    found = measure(session, ends=ends, method="")
    points = [point(session, *end) for end in ends]
    wanted = analysis.angle_between(session.problem, point(session, "trunk", 0, 6), *points)
    assert found.angle_branch == pytest.approx(wanted, rel=1e-5)
    assert found.branch_step == 6
    assert "matched_loss" not in found.arrays


def test_layers(session):
    ends = (("trunk", 0, 20), ("adam", 0, 20))
    found = measure(session, kind="layers", ends=ends, points=5)
    points = [point(session, *end) for end in ends]
    wanted = analysis.layer_paths(session.problem, *points, points=5)
    assert found.layers.split("\n") == ["0", "2"]
    np.testing.assert_allclose(found.barrier, wanted.barrier, rtol=1e-4, atol=1e-6)
    moved = analysis.match_permutation(session.problem, *points)
    wanted = analysis.layer_paths(session.problem, points[0], moved, points=5)
    np.testing.assert_allclose(found.matched_upto_barrier, wanted.upto_barrier, atol=1e-5)


def test_a_trained_curve_with_the_line_beside_it(session):
    ends = (("trunk", 0, 20), ("adam", 0, 20))
    seen = []
    job = requests.make(session, "join", {"kind": "curve", "ends": ends, "steps": 40, "points": 11})
    job.key, job.share = ("join", "curve"), lambda key, done, value: seen.append(value)
    session.ask(job)
    session.jobs.work()
    found = session.recording.results[-1]
    points = [point(session, *end) for end in ends]
    wanted = analysis.bezier_path(session.problem, *points, steps=40, points=11)
    np.testing.assert_allclose(found.loss, wanted.loss, rtol=1e-4)
    np.testing.assert_allclose(
        found.line_loss, analysis.linear_path(session.problem, *points, points=11).loss, rtol=1e-4
    )
    assert found.bends.shape == (3, session.problem.dim)
    assert any(hasattr(value, "bends") and len(value.loss) == 13 for value in seen[:-1])


def test_the_ridge_of_a_branch(session):
    ends = (("trunk", 1, 20), ("branch", 1, 20))
    found = measure(session, kind="ridge", ends=ends, points=7)
    assert (found.base_step, found.branched) == (6, True)
    assert found.steps_a.tolist() == list(range(6, 21))
    assert found.off_a[0] == pytest.approx(0, abs=1e-5)
    assert found.off_a[-1] == pytest.approx(0, abs=1e-5)
    assert found.off_plane == pytest.approx(max(found.off_a.max(), found.off_b.max()))
    np.testing.assert_allclose(found.path_a[-1], found.corners[1], atol=1e-5)
    np.testing.assert_allclose(found.path_b[-1], found.corners[2], atol=1e-5)
    rest = point(session, "trunk", 1, 13) - point(session, "trunk", 1, 6)
    shadow = np.linalg.norm(found.path_a[7])
    assert np.hypot(shadow, found.off_a[7]) == pytest.approx(np.linalg.norm(rest), rel=1e-4)


def test_lanes_of_one_start_have_a_ridge_from_there(session):
    found = measure(session, kind="ridge", ends=(("trunk", 0, 9), ("adam", 0, 12)), points=5)
    assert (found.base_step, found.branched, found.step) == (0, False, 12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "lines"}, "kind = 'lines' .*'line'"),
        ({"ends": (("trunk", 0, 3),)}, "two ends are needed, 1"),
        ({"ends": (("trunk", 0, 3), ("trunk", 0, 3))}, "two different ends"),
        ({"ends": (("trunk", 2, 3), ("trunk", 0, 3))}, "no run 2: 0 to 1"),
        ({"ends": (("trunks", 0, 3), ("trunk", 0, 3))}, "'trunks'"),
    ],
)
def test_what_cannot_be_joined(session, options, message):
    options = {"ends": (("trunk", 0, 3), ("trunk", 0, 9)), **options}
    with pytest.raises(ValueError, match=message):
        requests.make(session, "join", options)


@pytest.mark.parametrize(
    ("ends", "message"),
    [
        ((("trunk", 0, 9), ("trunk", 1, 9)), "never were at one point"),
        ((("trunk", 0, 9), ("branch", 0, 6)), "must come after step 6"),
    ],
)
def test_a_ridge_needs_a_common_point(session, ends, message):
    job = requests.make(session, "join", {"kind": "ridge", "ends": ends})
    with pytest.raises(ValueError, match=message):
        next(job.steps)


def test_where_lanes_parted():
    lanes = [
        lab.Lane("sgd", lr=0.01, name="a"),
        lab.Lane("sgd", lr=0.01, name="b", branch_of="a", branch_step=5),
        lab.Lane("sgd", lr=0.01, name="c", branch_of="b", branch_step=7),
        lab.Lane("sgd", lr=0.01, name="d", branch_of="a", branch_step=3),
        lab.Lane("sgd", lr=0.01, name="e"),
    ]
    records = lab.run(lab.Experiment("booth", lanes=lanes, steps=9)).records
    steps = {one + two: parting(records[one], records[two]) for one in "abcde" for two in "abcde"}
    assert [steps[pair] for pair in ("ab", "ba", "bc", "ac", "ad", "cd", "bd")] == [
        5, 5, 7, 5, 3, 3, 3,
    ]  # fmt: skip
    assert steps["ae"] is None
    assert steps["aa"] is None


def test_a_curve_on_large_data_is_trained_on_batches():
    lanes = [lab.Lane("sgd", lr=0.1, runs=2)]
    session = Session(lab.Experiment(lab.problem("moons_mlp", samples=1200), lanes=lanes, steps=2))
    session.run()
    ends = (("sgd", 0, 2), ("sgd", 1, 2))
    found = measure(session, kind="curve", ends=ends, steps=5, points=3)
    one, two = (point(session, *end) for end in ends)
    wanted = analysis.bezier_path(session.problem, one, two, steps=5, points=3, batch_size=256)
    assert found.batch_size == 256
    np.testing.assert_allclose(found.bends, wanted.bends, atol=1e-6)

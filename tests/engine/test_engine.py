"""The engine's loop: commands, what is told and what is shown."""

import math
import time
from types import SimpleNamespace

import numpy as np
import pytest

import lab
from lab.engine.engine import Engine
from lab.engine.messages import Command, Happened


def experiment(**changes) -> lab.Experiment:
    lanes = [lab.Lane("adam", lr=0.02, start=[-1.5, 2.0]), lab.Lane("sgd", lr=1e-3)]
    values = {"lanes": lanes, "steps": 60, "device": "cpu", **changes}
    return lab.Experiment("rosenbrock", **values)


def serve(engine: Engine, *commands: tuple) -> list[Happened]:
    """Post commands and take turns until there is nothing left to do."""
    posted = [Command(name, args) for name, *args in commands]
    news, wait = engine.serve([Command(c.name, tuple(c.args)) for c in posted])
    while wait == 0:
        more, wait = engine.serve([])
        news += more
    return news


@pytest.fixture
def engine():
    made = Engine()
    serve(made, ("open", experiment(), 1), ("speed", math.inf))
    yield made
    made.close()


def kinds(news: list[Happened]) -> list[str]:
    return [happened.kind for happened in news]


def test_opens_at_the_start(engine):
    frame = engine.frame()
    assert (frame.position, frame.head, frame.target, frame.playing) == (0, 0, 60, False)
    assert frame.recording.lanes == ["adam", "sgd"]


def test_plays_to_the_end_and_stops(engine):
    serve(engine, ("play",))
    frame = engine.frame()
    assert (frame.position, frame.head, frame.playing) == (60, 60, False)


@pytest.mark.parametrize("speed", [math.inf, 5000.0])
def test_rests_when_no_lane_can_go_on(speed):
    engine = Engine()
    lanes = [lab.Lane("adam", stop=5), lab.Lane("sgd", stop=3, lr=1e-4)]
    serve(engine, ("open", experiment(lanes=lanes), 1), ("speed", speed), ("play",))
    until = time.monotonic() + 20
    while engine.frame().playing and time.monotonic() < until:
        engine.serve([])
    frame = engine.frame()
    assert (frame.position, frame.head, frame.playing) == (5, 5, False)
    engine.close()


def test_numbers_are_those_of_a_headless_run(engine):
    serve(engine, ("step", 7), ("play",))
    expected = lab.run(experiment())
    for lane in expected.lanes:
        assert np.array_equal(engine.frame().recording.theta(lane), expected.theta(lane))


def test_at_the_end_play_begins_again_without_computing(engine):
    serve(engine, ("play",))
    counts = engine.frame().recording.scalar("adam", "gradient_evaluations")[-1, 0]
    engine.serve([Command("speed", (10.0,)), Command("play")])
    assert engine.frame().playing
    assert engine.frame().position < 60
    assert engine.frame().recording.scalar("adam", "gradient_evaluations")[-1, 0] == counts


def test_steps_forward_and_back(engine):
    for count in (1, 1, -1):
        serve(engine, ("step", count))
    assert engine.frame().position == 1
    assert engine.frame().head == 2
    serve(engine, ("step", -5))
    assert engine.frame().position == 0


def test_seeking_ahead_computes_up_to_there(engine):
    serve(engine, ("seek", 25))
    assert (engine.frame().position, engine.frame().head) == (25, 25)


def test_seeking_past_the_end_makes_the_run_longer(engine):
    serve(engine, ("seek", 90))
    assert engine.frame().target == 90
    assert engine.session.experiment.steps == 90


def test_speed_paces_the_play_head(engine):
    engine.serve([Command("speed", (200.0,)), Command("play")])
    began = time.perf_counter()
    while engine.frame().playing:
        engine.serve([])
    took = time.perf_counter() - began
    assert took > 60 / 200 * 0.9  # never faster than asked for


def test_pause_stops_where_the_foremost_lane_is(engine):
    engine.serve([Command("play")])
    serve(engine, ("pause",))
    frame = engine.frame()
    assert not frame.playing
    assert frame.position == frame.head == engine.session.front


@pytest.mark.parametrize(
    ("command", "part"),
    [
        (("open", "missing.toml", 2), "missing.toml"),
        (("open", "missing.lab", 2), "missing.lab"),
        (("speed", 0), "above 0"),
        (("speed", float("nan")), "above 0"),
        (("turn", "adam", "lr", -1.0), "lr"),
        (("turn", "nobody", "lr", 1.0), "nobody"),
        (("call", "branch", "adam", 99), "99"),
        (("ask", "surfaces", ("k",), {}), "surface"),
        (("save", "/no/such/folder/x.lab"), "No such file"),
    ],
)
def test_what_is_wrong_is_one_sentence(engine, command, part):
    before = engine.session
    (answer,) = [h for h in serve(engine, command) if h.kind == "refused"]
    assert part in answer.value
    assert "\n" not in answer.value
    assert answer.details
    assert engine.session is before


def test_nothing_open_is_said(engine):
    empty = Engine()
    assert "no experiment" in serve(empty, ("play",))[0].value
    assert empty.frame().recording is None


def test_knob_turned_at_the_head_is_an_event(engine):
    serve(engine, ("seek", 10), ("turn", "adam", "lr", 0.5), ("play",))
    events = [e for e in engine.frame().recording.events if e.kind == "knob"]
    assert [(e.step, e.lane, dict(e.data)) for e in events] == [(10, "adam", {"lr": 0.5})]
    expected = lab.run(engine.session.experiment)
    assert np.array_equal(expected.theta("adam"), engine.frame().recording.theta("adam"))


def test_a_lane_run_again_catches_up_while_nothing_plays(engine):
    serve(engine, ("seek", 30))
    spec = engine.session.experiment.lane("sgd").replace(start=[[0.5, 0.5]])
    serve(engine, ("call", "restart_lane", spec))
    assert engine.frame().position == 30
    assert engine.frame().head == 30
    assert np.allclose(engine.frame().recording.theta("sgd")[0], 0.5)


def test_sessions_can_be_shown_again_and_let_go(engine):
    first = engine.session
    serve(engine, ("seek", 5), ("open", experiment(seed=3), 2))
    assert engine.frame().position == 0
    serve(engine, ("switch", 1, 5))
    assert engine.session is first
    assert engine.frame().position == 5
    serve(engine, ("keep_only", (1,)))
    assert "refused" in kinds(serve(engine, ("switch", 2)))


def test_recording_grows_in_a_file_and_is_whole_after_closing(tmp_path):
    engine = Engine()
    path = tmp_path / "growing.lab"
    serve(engine, ("open", experiment(), 1, str(path)), ("speed", math.inf), ("play",))
    theta = engine.frame().recording.theta("adam").copy()
    engine.close()
    assert np.array_equal(lab.open(path).theta("adam"), theta)


def test_opened_recording_goes_on_where_it_ended(tmp_path):
    path = tmp_path / "half.lab"
    lab.run(experiment(steps=30)).save(path)
    engine = Engine()
    serve(engine, ("open", str(path), 1), ("speed", math.inf))
    assert engine.frame().position == 30
    serve(engine, ("call", "set_steps", 60), ("play",))
    assert np.array_equal(engine.frame().recording.theta("sgd"), lab.run(experiment()).theta("sgd"))
    engine.close()


def test_recording_of_unknown_entries_can_be_looked_at_only(tmp_path, monkeypatch):
    from lab.engine import catalogue

    path = tmp_path / "foreign.lab"
    lab.run(experiment()).save(path)
    monkeypatch.delitem(catalogue._entries["optimizer"], "sgd")
    engine = Engine()
    (opened,) = [h for h in serve(engine, ("open", str(path), 1)) if h.kind == "done"]
    assert "sgd" in opened.value
    assert engine.frame().head == 60
    (answer,) = serve(engine, ("call", "branch", "adam", 5))
    assert "not continued" in answer.value
    engine.close()


def test_surface_asked_for_is_shared_and_not_recorded(engine):
    serve(engine, ("ask", "surface", ("surface",), {"plane": "native", "points": 33}))
    partial = engine.frame().partials[("surface",)]
    assert partial.done == 1
    assert isinstance(partial.value.loss, np.ndarray)
    assert partial.value.loss.shape == (33, 33)
    assert engine.frame().recording.results == []


def test_what_was_asked_for_is_told_until_it_is_done_or_cancelled(engine):
    key = ("probe", "roughness")
    for done in (True, False):
        options = {"name": "roughness", "step": 0, "lane": "adam"}
        engine.serve([Command("ask", ("probe", key, options))])
        frame = engine.frame()
        assert frame.job == frame.asked[key]
        assert frame.job.name == "roughness"
        assert frame.job.count == 1
        if done:
            serve(engine)
        else:
            engine.serve([Command("cancel", (key,))])
        assert not engine.frame().asked
    assert len(engine.frame().recording.results) == 1


def test_measurement_that_fails_is_told_and_the_rest_goes_on(engine):
    options = {"out": "/proc/none", "formats": ["toml"]}
    news = serve(engine, ("ask", "export", ("export",), options), ("play",))
    assert "trouble" in kinds(news)
    assert engine.frame().head == 60


def test_file_that_cannot_be_written_is_said_once(engine, monkeypatch):
    monkeypatch.setattr("lab.engine.recorder.Recorder.keep", _full)
    monkeypatch.setattr("lab.engine.shelf.KEEP_EVERY", 0.0)
    news = serve(engine, ("play",))
    troubles = [h.value for h in news if h.kind == "trouble"]
    assert len(troubles) == 1
    assert "No space left" in troubles[0]
    assert engine.frame().head == 60


def test_lanes_run_again_catch_up_with_what_is_shown(engine):
    serve(engine, ("play",))
    for name in ("adam", "sgd"):  # nobody is left who is in front
        spec = engine.session.experiment.lane(name).replace(start=[[0.5, 0.5]])
        serve(engine, ("call", "restart_lane", spec))
    assert (engine.frame().position, engine.frame().head) == (60, 60)


def test_pausing_while_lanes_catch_up_stays_where_it_was_shown(engine):
    serve(engine, ("seek", 50))
    specs = [lane.replace(start=[[0.5, 0.5]]) for lane in engine.session.experiment.lanes]
    engine.serve([Command("call", ("restart_lane", spec)) for spec in specs])
    serve(engine, ("pause",))
    assert (engine.frame().position, engine.frame().head) == (50, 50)


def test_file_that_can_be_written_again_may_fail_again(engine, monkeypatch):
    monkeypatch.setattr("lab.engine.shelf.KEEP_EVERY", 0.0)
    told = []
    for full in (True, False, True):
        with monkeypatch.context() as patch:
            if full:
                patch.setattr("lab.engine.recorder.Recorder.keep", _full)
            news = serve(engine, ("call", "set_steps", 70), ("step", 1))
            told.append([h.value for h in news if h.kind == "trouble"])
    assert [len(troubles) for troubles in told] == [1, 0, 1]


def _full(self):
    raise OSError(28, "No space left on device", "x.lab")


def test_file_with_a_start_outside_the_window_is_not_opened(engine, tmp_path):
    before = engine.session
    path = tmp_path / "far.toml"
    path.write_text(experiment(lanes=[lab.Lane("adam", start=[1e3, 0.0])]).to_toml())
    (answer,) = serve(engine, ("open", str(path), 2))
    assert answer.kind == "refused"
    assert answer.value == (
        "far.toml: lane 'adam': start (1000, 0) lies outside the window (-2 to 2, -1 to 3); "
        "the nearest one inside is (2, 0)"
    )
    assert engine.session is before


def test_experiment_is_saved_whole_or_not_at_all(engine, tmp_path):
    path = tmp_path / "x.toml"
    serve(engine, ("save", str(path)))
    assert lab.Experiment.load(path) == engine.session.experiment
    before = path.read_text()
    engine.session.recording.experiment = lab.Experiment(lab.problem(lambda x: x.sum(), dim=2))
    (answer,) = [h for h in serve(engine, ("save", str(path))) if h.kind == "refused"]
    assert "Python object" in answer.value
    assert path.read_text() == before
    assert [p.name for p in tmp_path.iterdir()] == ["x.toml"]


def test_script_gives_the_same_experiment(engine):
    (answer,) = serve(engine, ("script",))
    assert "rosenbrock" in answer.value
    compile(answer.value, "script.py", "exec")


def test_fault_in_a_turn_pauses_and_is_told(engine, monkeypatch):
    monkeypatch.setattr(engine.session, "advance", lambda *a: 1 / 0)
    news = serve(engine, ("play",))
    assert any(h.kind == "trouble" and "ZeroDivisionError" in h.value for h in news)
    assert not engine.frame().playing


def test_stepping_gets_as_much_time_as_large_slices_of_a_measurement(engine, monkeypatch):
    """Told by a clock of the test's own: a slice takes 40 ms, a step 4."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(
        "lab.engine.engine.time", SimpleNamespace(perf_counter=lambda: clock.now, monotonic=int)
    )
    turns = []

    def take(word, seconds):
        turns.append(word)
        clock.now += seconds
        return True

    session = engine.session
    monkeypatch.setattr(session.jobs, "work", lambda seconds: take("measure", 0.040))
    monkeypatch.setattr(session, "advance", lambda *given: take("step", 0.004))
    monkeypatch.setattr(type(session.jobs), "__len__", lambda self: 1)
    engine.serve([Command("play", ())])
    turns.clear()
    for _ in range(44):
        engine.serve([])
    assert (turns.count("measure"), turns.count("step")) == (4, 40)

"""The engine's thread: what is posted, published and left behind."""

import threading
import time

import lab
from lab.engine.messages import Happened
from lab.engine.worker import Worker


def experiment(**changes) -> lab.Experiment:
    lanes = [lab.Lane("adam", lr=0.02, start=[-1.5, 2.0]), lab.Lane("sgd", lr=1e-3)]
    values = {"lanes": lanes, "steps": 60, "device": "cpu", **changes}
    return lab.Experiment("rosenbrock", **values)


def wait_for(worker: Worker, condition, seconds: float = 60.0) -> list[Happened]:
    """Look at a worker until a frame fulfils a condition; returns the news up to it."""
    news, until = [], time.monotonic() + seconds
    pause = threading.Event()
    while True:
        frame, more = worker.look()
        news += more
        if condition(frame):
            return news
        assert time.monotonic() < until, "the worker did not get there"
        pause.wait(0.001)


def test_thread_runs_publishes_and_ends():
    worker = Worker()
    worker.start()
    worker.post("open", experiment(steps=400), 1)
    worker.post("speed", float("inf"))
    worker.post("play")
    news = wait_for(worker, lambda frame: frame.head == 400)
    assert news[0].kind == "ready"
    assert "adam" in news[0].value["optimizer"]
    assert worker.close()
    assert not [t for t in threading.enumerate() if t.name == "engine"]


def test_commands_of_one_key_replace_each_other_while_they_wait():
    worker = Worker()
    for speed in (1.0, 2.0, 3.0):
        worker.post("speed", speed, key=("speed",))
    worker.post("play")
    assert [command.args for command in worker._commands] == [(3.0,), ()]


def test_closing_in_the_middle_of_work_writes_what_is_there(tmp_path):
    worker = Worker()
    worker.start()
    path = tmp_path / "closed.lab"
    worker.post("open", experiment(steps=10_000_000), 1, str(path))
    worker.post("speed", float("inf"))
    worker.post("play")
    wait_for(worker, lambda frame: frame.head > 200)
    assert worker.close()
    assert lab.open(path).head > 200


def test_the_engine_makes_room_for_the_window_but_not_for_ever():
    worker = Worker()
    worker.start()
    worker.post("open", experiment(steps=10**6), 1)
    worker.post("speed", float("inf"))
    worker.post("play")
    for on in (True, False):  # a window that never finishes drawing does not stop the engine
        worker.make_room(on)
        head = worker.look()[0].head
        wait_for(worker, lambda frame, head=head: frame.head > head)
    assert worker.close()


def test_a_pause_that_waits_behind_long_work_has_begun():
    worker = Worker()  # its thread is not started: nothing is served
    worker._frame = worker._frame._replace(playing=True, steps_per_second=5.0)
    worker.post("pause")
    until = time.monotonic() + 10
    while worker.look()[0].playing and time.monotonic() < until:
        pass
    frame, _ = worker.look()
    assert (frame.playing, frame.steps_per_second) == (False, 0.0)
    worker.post("play")
    assert worker.look()[0].playing

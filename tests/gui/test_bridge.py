"""Engine and window: what is posted arrives, what happened is told in order."""

import pytest

from lab.engine.messages import Command, Frame, Happened
from lab.gui.bridge import Bridge


class Recording:
    def __init__(self, experiment):
        self.experiment = experiment


class Script:
    """A worker that says what it is told to say."""

    def __init__(self):
        self.frames, self.news, self.posted, self.closed = [], [], [], False

    def start(self):
        self.frames.append(Frame())

    def post(self, name, *args, key=()):
        self.posted.append((name, args, key))
        return len(self.posted)

    def make_room(self, on):
        pass

    def look(self):
        news, self.news = self.news, []
        return (self.frames.pop(0) if len(self.frames) > 1 else self.frames[0]), news

    def close(self):
        self.closed = True
        return True


@pytest.fixture
def bridge(qapp):
    made = Bridge(Script())
    made.told = []
    for name in ("recording_changed", "experiment_changed", "frame_changed", "tick"):
        getattr(made, name).connect(lambda value, name=name: made.told.append((name, value)))
    for name in ("ready", "answered", "refused", "event_happened"):
        getattr(made, name).connect(lambda value, name=name: made.told.append((name, value)))
    made.trouble.connect(lambda text, details: made.told.append(("trouble", text, details)))
    made._worker.start()
    return made


def test_a_new_recording_is_told_before_what_happened_in_it(bridge):
    worker, recording = bridge._worker, Recording("experiment")
    frame = Frame(session=1, recording=recording, head=3)
    worker.frames = [frame]
    command = Command("open", (), (), 1)
    done, refused = Happened("done", command, "note"), Happened("refused", command, "no")
    worker.news = [
        Happened("ready", None, {"problem": {}}),
        done,
        refused,
        Happened("event", None, "event"),
        Happened("trouble", None, "broken", "traceback"),
    ]
    bridge.look()
    assert bridge.told == [
        ("recording_changed", recording),
        ("experiment_changed", "experiment"),
        ("ready", {"problem": {}}),
        ("answered", done),
        ("refused", refused),
        ("event_happened", "event"),
        ("trouble", "broken", "traceback"),
        ("frame_changed", frame),
        ("tick", 1),
    ]
    assert bridge.experiment == "experiment"
    assert bridge.catalogue == {"problem": {}}


def test_where_nothing_is_new_only_the_clock_ticks(bridge):
    bridge._worker.frames = [bridge.frame]
    bridge.look()
    bridge.look()
    assert bridge.told == [("tick", 1), ("tick", 2)]


def test_an_experiment_that_changes_within_a_recording_is_told(bridge):
    recording = Recording("one")
    bridge._worker.frames = [Frame(recording=recording)]
    bridge.look()
    recording.experiment = "two"
    bridge.told.clear()
    bridge.look()
    assert bridge.told[0] == ("experiment_changed", "two")


def test_commands_are_passed_on_and_closing_stops_the_clock(bridge):
    bridge.start()
    assert bridge._clock.isActive()
    assert bridge.post("turn", "adam", "lr", 0.1, key=("knob",)) == 1
    assert bridge._worker.posted == [("turn", ("adam", "lr", 0.1), ("knob",))]
    assert bridge.close()
    assert bridge._worker.closed
    assert not bridge._clock.isActive()

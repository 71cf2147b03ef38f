"""The bottom line: what the engine is doing."""

from types import SimpleNamespace

import pytest

from lab.engine.messages import Frame, JobState
from lab.gui.bridge import Bridge
from lab.gui.panels.status import EVERY, Status, _megabytes
from lab.palette import DARK
from tests.gui.test_bridge import Script

RECORDING = SimpleNamespace(header={"threads": 2, "device": "cpu"}, lanes=["adam"], nbytes=2.5e6)
RESTING = Frame(recording=RECORDING, position=5, head=5, load=0.42, steps_per_second=12345.6)


@pytest.fixture
def status(qtbot, dressed):
    made = Status(Bridge(Script()), None)
    qtbot.addWidget(made)
    return made


@pytest.mark.parametrize(
    ("change", "words", "colour"),
    [
        ({}, "paused", DARK.muted),
        ({"playing": True}, "running", DARK.lanes[2]),
        ({"readonly": True}, "only to be looked at", DARK.muted),
        ({"position": 9}, "computing …", DARK.accent),
        (
            {"job": JobState("hessian_spectrum", "adam", 0.25, 3)},
            "computing spectrum 25 % (+2)",
            DARK.accent,
        ),
        (
            {"job": JobState("curvature_map", "", 0.5, 1)},
            "computing curvature map 50 %",
            DARK.accent,
        ),
    ],
)
def test_what_the_engine_is_doing(status, change, words, colour):
    status._bridge.frame_changed.emit(RESTING._replace(**change))
    assert words in status.state.text()
    assert colour in status.state.text()


def test_numbers(status):
    assert "starting" in status.state.text()
    status._bridge.frame = RESTING._replace(playing=True)
    status._bridge.frame_changed.emit(status._bridge.frame)
    status._bridge.frames_per_second = 59.7
    status._bridge.tick.emit(EVERY)
    assert status.device.text() == "CPU · 2 threads"
    assert status.speed.text() == "12,346 steps/s"
    assert status.load.text() == "engine 42 %"
    assert status.size_label.text() == "recording 2.5 MB"
    assert status.rate.text() == "60 fps"
    status._bridge.frame_changed.emit(RESTING)
    assert status.speed.text() == ""


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0.0 MB"), (1_234_567, "1.2 MB"), (3.21e8, "321 MB")]
)
def test_megabytes(count, text):
    assert _megabytes(count) == text


def test_the_pointer_is_told_by_the_landscape(status):
    status.point_at("x 1   y 2")
    assert status.pointer.text() == "x 1   y 2"

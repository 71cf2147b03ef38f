"""Guided experiments whose answers are known: each is run, and held against its answer."""

import pytest

import lab
from lab.assets import guided_experiments
from lab.engine.device import threads

ANSWERS = {}  # name of the file without "known-" -> a function of the recording that asserts


@pytest.mark.parametrize("name", ANSWERS)
def test_the_answer_is_found(name):
    with threads(1):
        recording = lab.run(str(guided_experiments()[f"known-{name}"]))
    assert not [event for event in recording.events if event.kind == "failed"]
    ANSWERS[name](recording)


def test_every_known_answer_is_asked_for():
    files = {
        name.removeprefix("known-") for name in guided_experiments() if name.startswith("known-")
    }
    assert files == set(ANSWERS)

"""The play head, on a clock that the test winds."""

import math

import pytest

from lab.engine.playhead import Meter, PlayHead


class Clock:
    now = 100.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("lab.engine.playhead.time", made)
    return made


def playing(goal: int, speed: float) -> PlayHead:
    head = PlayHead()
    head.set_speed(speed)
    head.play(goal)
    return head


def test_stands_still_until_it_is_played(clock):
    head = PlayHead()
    head.put(7)
    clock.now += 10
    assert (head.position, head.playing) == (7, False)


def test_steps_are_due_by_the_clock(clock):
    head = playing(100, 10.0)
    clock.now += 0.55
    due = head.due()
    assert due.step == 5
    assert due.wait == pytest.approx(0.05)
    assert head.move(due, 100) == pytest.approx(0.05)
    assert head.position == 5


def test_flat_out_wants_the_goal_at_once(clock):
    head = playing(100, math.inf)
    assert head.due() == (100, 0.0)
    assert head.move(head.due(), 40) == 0.0
    assert (head.position, head.playing) == (40, True)
    head.move(head.due(), 100)
    assert (head.position, head.playing) == (100, False)


def test_time_that_the_engine_lost_is_not_made_up(clock):
    head = playing(1000, 100.0)
    clock.now += 1.0
    head.move(head.due(), 20)  # 100 were due
    clock.now += 0.105
    assert head.due().step == 30


def test_stops_at_its_goal(clock):
    head = playing(5, 10.0)
    clock.now += 60
    assert head.move(head.due(), 5) == 0.0
    assert (head.position, head.playing) == (5, False)


def test_plays_once_more_from_the_end(clock):
    head = playing(5, math.inf)
    head.move(head.due(), 5)
    head.play(5)
    assert head.position == 0
    head.put(3)
    head.play(5)
    assert head.position == 3


def test_position_never_goes_back_while_lanes_catch_up(clock):
    head = playing(100, 10.0)
    head.put(50)
    assert head.move(head.due(), 3) == 0.1
    assert head.position == 50


@pytest.mark.parametrize("speed", [0, -1.0, math.nan])
def test_speed_is_a_number_above_0(speed):
    with pytest.raises(ValueError, match="above 0"):
        PlayHead().set_speed(speed)


def test_new_speed_holds_from_now_on(clock):
    head = playing(1000, 10.0)
    clock.now += 1.0
    head.move(head.due(), 1000)
    head.set_speed(100.0)
    clock.now += 1.0
    assert head.due().step == 110


def test_meter_averages_over_half_a_second(clock):
    meter = Meter()
    assert meter.read() == (0.0, 0.0)
    for turn in range(1, 6):
        begin = clock.now
        clock.now += 0.1
        meter.add(begin, clock.now - 0.05, 20 * turn)
        clock.now = begin + 0.11
    speed, load = meter.read()
    assert speed == 0.0  # less than half a second yet
    meter.add(clock.now, clock.now + 0.05, 120)
    speed, load = meter.read()
    assert speed == pytest.approx(120 / 0.6)
    assert load == pytest.approx(0.3 / 0.6)
    clock.now += 2
    assert meter.read() == (0.0, 0.0)

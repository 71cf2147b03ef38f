"""The lanes of a session: those at work, and how they come, go and leave each other."""

import time
from collections.abc import Callable
from dataclasses import replace

import torch

from lab.engine.analysis.base import Progress, Steps, finish
from lab.engine.device import use_threads
from lab.engine.lane import Block, LaneState, RunningLane, unpack_state
from lab.engine.moment import Moment
from lab.engine.plan import Lane, lanes_needed
from lab.engine.plan_checks import check_lane, check_step
from lab.engine.problem import Problem
from lab.engine.recording import LaneRecord, Recording
from lab.engine.snapshots import Snapshot

ROUND_SECONDS = 0.016  # in about this time every lane has its turn, so that they stay side by side
BURST_STEPS = 256
REPLAY_SECONDS = 0.004  # of replaying between two looks at what else there is to do


class Lanes:
    """The lanes at work, and the record that they fill."""

    def __init__(
        self,
        problem: Problem,
        recording: Recording,
        *,
        device: torch.device,
        dtype: torch.dtype,
        threads: int,
        arrived: Callable[[RunningLane], None],
    ):
        """Start with none.

        Args:
            problem: what is minimised.
            recording: where rows and events go.
            device: where tensors live.
            dtype: their precision.
            threads: torch threads to compute with: their number changes rounding.
            arrived: is told of every lane that has new rows.
        """
        self._problem, self._recording = problem, recording
        self._device, self._dtype, self._threads = device, dtype, threads
        self._arrived = arrived
        self._running: dict[str, RunningLane] = {}
        self._pace: dict[str, float] = {}  # seconds that a step of each lane takes

    # -- which there are -----------------------------------------------------------------------

    def at_work(self) -> list[RunningLane]:
        """Lanes that can still step."""
        return [
            lane
            for lane in self._running.values()
            if lane.failure is None and (lane.spec.stop is None or lane.step < lane.spec.stop)
        ]

    @property
    def rear(self) -> int:
        """The step of the lane at work that is furthest behind; where none is, of the record."""
        return min((lane.step for lane in self.at_work()), default=self._recording.head)

    @property
    def front(self) -> int:
        """The step of the foremost lane at work; where none is, of the record."""
        return max((lane.step for lane in self.at_work()), default=self._recording.head)

    def present(self, name: str) -> LaneRecord:
        """The record of a lane that was not removed.

        Raises:
            ValueError: no such lane.
        """
        check_lane(name, self._recording.lanes)
        return self._recording.records[name]

    def able(self, name: str) -> RunningLane:
        """A lane that can go on.

        Raises:
            ValueError: no such lane, or one that failed.
        """
        if failure := self.present(name).failure:
            raise ValueError(f"lane {name!r} cannot go on: {failure}")
        return self._running[name]

    def state_at(self, name: str, step: int) -> LaneState:
        """The state of a lane at any step on record, replayed from the nearest snapshot.

        Raises:
            ValueError: no such lane, or a step that is not on record.
        """
        record, running = self._standing(name, step)
        return running.snapshot() if running else finish(self._replay(record, step)).snapshot()

    def moment(self, name: str, step: int) -> Steps[Moment]:
        """What is needed to look into the update that leads on from a step on record.

        Returns:
            A generator that replays to there; what the lane does meanwhile changes nothing.

        Raises:
            ValueError: no such lane, or a step that is not on record.
        """
        record, running = self._standing(name, step)
        if running:
            return _known(running.moment())
        return self._replayed_moment(record, step)

    def keep(self) -> None:
        """Put the newest state of every lane on record."""
        for name, lane in self._running.items():
            self._recording.records[name].state = lane.pack()

    # -- how they come and go ------------------------------------------------------------------

    def prepare(self, spec: Lane) -> RunningLane:
        """A lane at its start, or where it leaves its parent; nothing is changed by that.

        Raises:
            ValueError: one of that name has branches, or the lane does not fit the problem, its
                parent or the other lanes.
        """
        if any(not record.removed for record in self._recording.branches(spec.name)):
            raise ValueError(f"lane {spec.name!r} has branches, which share its past")
        replace(self._recording.experiment, lanes=self._specs(spec))
        if not spec.branch_of:
            return self._make(spec)
        state = self.state_at(spec.branch_of, spec.branch_step)
        origin = self._recording.lane(spec.branch_of).ancestor(spec.branch_step).spec
        return self._make(spec, state, fresh_state=not spec.has_rule_of(origin))

    def enter(self, lane: RunningLane) -> None:
        """Take in a lane that was prepared, in the place of one of that name if there was one."""
        spec = lane.spec
        for record in self._recording.branches(spec.name):  # removed ones, which cannot return
            self._recording.drop_lane(record.spec.name)
        record = self._recording.add_lane(spec)
        self._rewrite()
        self._running[spec.name] = lane
        if spec.branch_of:
            self._recording.note(spec.branch_step, spec.name, "branch", {"of": spec.branch_of})
        record.snapshots.add(lane.step, lane.pack())
        self._take(record, lane, lane.flush())

    def remove(self, name: str) -> None:
        """Let a lane go; its record stays, for its branches and for its return."""
        record = self.present(name)
        if name in self._running:
            record.state = self._running.pop(name).pack()
        record.removed = True
        self._rewrite()

    def bring_back(self, record: LaneRecord) -> None:
        """Take in a lane that was removed, as it was."""
        record.removed = False
        self._rewrite()
        self.resume(record)

    def resume(self, record: LaneRecord) -> None:
        """Go on where a record ends: from its newest state, stepped to its last row."""
        if record.failure:
            return
        running = self._revive(record.spec, record.state or record.snapshots.last()[1])
        while running.step < record.head and not running.failure:
            running.advance(record.head)  # rows already on record: the same numbers again
        if record.head >= record.first:
            running.seconds = float(record.at("seconds", record.head)[1])
        self._running[record.spec.name] = running
        self._take(record, running, None)

    def turn(self, spec: Lane) -> None:
        """Give a lane another spec: one in which knobs are turned at its step or later."""
        self._recording.records[spec.name].spec = spec
        self._rewrite()
        self._running[spec.name].turn(spec)

    # -- how they step -------------------------------------------------------------------------

    def burst(self, lane: RunningLane, target: int, deadline: float) -> None:
        """Let one lane step towards a target until its turn is over.

        Args:
            lane: one at work that is not there yet.
            target: the step to reach.
            deadline: value of `time.perf_counter()` after which no further step is begun.
        """
        name = lane.spec.name
        share = ROUND_SECONDS / len(self._running)
        turn = int(share / self._pace[name]) if name in self._pace else 1
        stop = min(target, lane.step + max(1, min(BURST_STEPS, turn)))
        first, begin = lane.step, time.perf_counter()
        block = lane.advance(stop, deadline)
        if lane.step > first:
            pace = (time.perf_counter() - begin) / (lane.step - first)
            self._pace[name] = 0.8 * self._pace.get(name, pace) + 0.2 * pace
        self._take(self._recording.records[name], lane, block)

    def _take(self, record: LaneRecord, lane: RunningLane, block: Block | None) -> None:
        """Put a lane's new rows on record, with what happened in them."""
        name = lane.spec.name
        if block is not None:
            record.append(block)
        for run, where in lane.diverged.items():
            if run not in record.diverged:
                record.diverged[run] = where
                if where.step >= record.first:  # and not in the past that a branch shares
                    data = {"run": run, "loss": repr(where.loss)}
                    self._recording.note(where.step, name, "diverged", data)
        if lane.failure is not None and not record.failure:
            step, message, details = lane.failure
            record.failure = message
            data = {"message": message, "details": details}
            self._recording.note(step, name, "failed", data)
        if block is not None:
            if record.snapshots.wants(lane.step):
                record.snapshots.add(lane.step, lane.pack())
            self._arrived(lane)

    # -- the past --------------------------------------------------------------------------------

    def _standing(self, name: str, step: int) -> tuple[LaneRecord, RunningLane | None]:
        """The record that a step of a lane is on, and the lane itself if it stands there now."""
        record = self._recording.lane(name).ancestor(check_step(step))
        if not 0 <= step <= record.head:
            raise ValueError(f"step = {step} of {name!r} is not on record: 0 to {record.head}")
        running = self._running.get(record.spec.name)
        return record, running if running is not None and running.step == step else None

    def _replay(self, record: LaneRecord, step: int) -> Steps[RunningLane]:
        """A lane of its own at a step on record, from the nearest snapshot on."""
        first, snapshot = record.snapshots.before(step)
        replayed = self._revive(record.spec.replace(stop=None), snapshot)
        while replayed.step < step:
            replayed.advance(step, time.perf_counter() + REPLAY_SECONDS)
            if replayed.failure:
                raise ValueError(f"step {step} cannot be replayed: {replayed.failure.message}")
            yield Progress((replayed.step - first) / (step - first))
        return replayed

    def _replayed_moment(self, record: LaneRecord, step: int) -> Steps[Moment]:
        replayed = yield from self._replay(record, step)
        return replayed.moment()

    # -- small things --------------------------------------------------------------------------

    def _specs(self, new: Lane | None = None) -> tuple[Lane, ...]:
        """The experiment's lanes as they are now, or as they will be with a new one."""
        records = self._recording.records
        specs = {name: record.spec for name, record in records.items()}
        removed = {name for name, record in records.items() if record.removed}
        if new is not None:
            specs[new.name] = new
            removed.discard(new.name)
        return lanes_needed(list(specs.values()), removed)

    def _rewrite(self) -> None:
        """Let the experiment say which lanes there are."""
        experiment = self._recording.experiment
        self._recording.experiment = replace(experiment, lanes=self._specs())

    def _revive(self, spec: Lane, snapshot: Snapshot) -> RunningLane:
        """A lane as a snapshot left it."""
        return self._make(spec, unpack_state(snapshot, spec, self._problem.layout, self._device))

    def _make(
        self, spec: Lane, state: LaneState | None = None, *, fresh_state: bool = False
    ) -> RunningLane:
        use_threads(self._threads)
        return RunningLane(
            spec,
            self._problem,
            seed=self._recording.experiment.seed,
            device=self._device,
            dtype=self._dtype,
            resume=state,
            fresh_state=fresh_state,
        )


def _known(moment: Moment) -> Steps[Moment]:
    """What is known already, as a generator that has nothing to do."""
    yield from ()
    return moment

"""A session: lanes, probes and a recording. Single-threaded and deterministic.

The engine stands at the head of the record and only ever goes forward. Looking at an earlier step
needs no engine; changing something at an earlier step makes a branch from a replayed snapshot.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import torch

from lab.engine.catalogue import Choice, catalogue
from lab.engine.device import pick_device, pick_dtype, thread_count
from lab.engine.experiment import Experiment
from lab.engine.jobs import Job, Jobs
from lab.engine.lane import Block, LaneState, RunningLane, live_knobs, unpack_state
from lab.engine.messages import Trouble
from lab.engine.plan import Lane, ProbePlan, branch_name, free_name, lanes_needed
from lab.engine.probes import Measurement, Sight
from lab.engine.problem import Problem
from lab.engine.recorder import Recorder
from lab.engine.recording import Event, LaneRecord, Recording, Result
from lab.engine.schedule import NOTHING, Schedule
from lab.engine.snapshots import Snapshot
from lab.engine.versions import versions

ROUND_SECONDS = 0.016  # in about this time every lane has its turn, so that they stay side by side
BURST_STEPS = 256
PATIENCE = 0.25  # seconds between two words of progress where no window is
KEEP_EVERY = 1.0  # seconds between two writings of the file there
WAITING = 8  # planned measurements that may wait before stepping waits for them


class Session:
    """An experiment at work."""

    def __init__(
        self,
        experiment: Experiment | None = None,
        *,
        resume: Recording | None = None,
        path: Any = None,
    ):
        """Set up all lanes at their start, or where a recording left them.

        Args:
            experiment: what is run; not given where a recording is resumed.
            resume: go on from the head of this recording.
            path: a `.lab` file to keep the recording in while it grows.

        Raises:
            ValueError: something in the experiment that cannot run on this machine.
            OSError: the file cannot be made.
        """
        experiment = experiment if resume is None else resume.experiment
        self.device = pick_device(experiment.device)
        self.dtype = pick_dtype(experiment.dtype, self.device)
        chosen = experiment.problem
        self.problem: Problem = chosen.make() if isinstance(chosen, Choice) else chosen
        self.threads = thread_count(self.problem.family)
        self.jobs = Jobs(self._finished, self._failed)
        self.cost: dict[str, float] = {"steps": 0.0}  # seconds spent on stepping and each probe
        self._running: dict[str, RunningLane] = {}
        self._pace: dict[str, float] = {}  # seconds that a step of each lane takes
        if resume is None:
            self.recording = Recording(replace(experiment, lanes=()), self._header(experiment))
            Recorder(self.recording)
        else:
            self.recording = resume
        self.set_probes(experiment.probes)
        if resume is None:
            for spec in experiment.lanes:
                self._enter(spec)
            if path is not None:  # nothing is written before all is well
                self.recording.recorder.record_to(path)
                self.keep()
        else:
            for record in resume.records.values():
                if not record.removed:
                    self._resume(record)
            self._measure_what_waited()
            resume.recorder.make_writable(path)
        self._settle()

    @property
    def experiment(self) -> Experiment:
        """What is run, with all changes made so far."""
        return self.recording.experiment

    @property
    def target(self) -> int:
        """Where the run ends."""
        return self.experiment.steps

    @property
    def head(self) -> int:
        """The step that all lanes at work have reached."""
        steps = [lane.step for lane in self._at_work()]
        return min(steps) if steps else max(0, self.recording.head)

    @property
    def front(self) -> int:
        """The step that the foremost lane has reached."""
        return max([lane.step for lane in self._at_work()], default=max(0, self.recording.head))

    # -- going forward -------------------------------------------------------------------------

    def advance(self, target: int | None = None, seconds: float = float("inf")) -> bool:
        """Step all lanes towards a target, for a while.

        Args:
            target: the step to reach; the experiment's end if not given.
            seconds: how long to go on, at most (one step is always made).

        Returns:
            Whether there is more to do before the target is reached. Where measurements have piled
            up, they must be worked off before stepping goes on.
        """
        target = self.target if target is None else target
        begin = time.perf_counter()
        self._use_threads()
        try:
            while True:
                self._settle()
                lanes = [lane for lane in self._at_work() if lane.step < target]
                if not lanes:
                    return False
                if self.jobs.planned >= WAITING:
                    return True
                self._burst(min(lanes, key=lambda lane: lane.step), target, begin + seconds)
                if time.perf_counter() - begin >= seconds:
                    return True
        finally:
            self.cost["steps"] += time.perf_counter() - begin

    def run(self, progress: Callable[[int, int], Any] | None = None) -> Recording:
        """Run to the experiment's end, with all its measurements.

        Args:
            progress: is told the step reached and the last step, about four times a second.

        Returns:
            The recording.

        Raises:
            OSError: the file behind the recording cannot be written.
        """
        kept = time.perf_counter()
        while self.advance(seconds=PATIENCE) or self.jobs:
            self.jobs.work(PATIENCE)
            if progress is not None:
                progress(self.head, self.target)
            if time.perf_counter() - kept >= KEEP_EVERY:
                self.keep()
                kept = time.perf_counter()
        if progress is not None:
            progress(self.head, self.target)
        self.keep()
        return self.recording

    def keep(self) -> None:
        """Bring the file behind the recording up to date.

        Raises:
            OSError: it cannot be written; what is recorded stays in memory.
        """
        for name, lane in self._running.items():
            self.recording.records[name].state = lane.pack()
        waiting = [*self.jobs.waiting, *self._schedule.waiting]
        self.recording.waiting = [(plan.to_data(), lane, step) for plan, lane, step in waiting]
        self.recording.recorder.keep()

    # -- commands ------------------------------------------------------------------------------

    def set_knob(self, lane: str, knob: str, value: float, step: int | None = None) -> str:
        """Turn a live knob: from a step on, or in a branch if the step lies before the head.

        Args:
            lane: whose knob.
            knob: which.
            value: to what.
            step: from when on; the lane's head if not given.

        Returns:
            The lane that now has the value: the one named, or the new branch.

        Raises:
            ValueError: no such lane or knob, or a value that is not allowed.
        """
        if step is not None and step < self._present(lane).head:
            return self.branch(lane, step, {knob: value})
        running = self._lane(lane)
        step = running.step if step is None else step
        spec = running.spec.with_change(step, {knob: value})
        self.recording.records[lane].spec = spec
        self._set(lanes=self._lanes())
        running.turn(spec)
        self._event(step, lane, "knob", {knob: spec.knobs_at(step)[knob]})
        return lane

    def branch(
        self, lane: str, step: int, knobs: Mapping[str, float] | None = None, name: str = ""
    ) -> str:
        """Go on from a past step with other knobs, in a new lane that shares the past.

        Args:
            lane: the lane to branch from.
            step: the last step that both share.
            knobs: live knobs that differ from there on.
            name: the new lane's name; made of the old one's if not given.

        Returns:
            The name of the new lane.

        Raises:
            ValueError: no such lane or knob, or a step that is not on record.
        """
        self._present(lane)
        record = self.recording.lane(lane).ancestor(step)
        if not 0 <= step <= record.head:
            raise ValueError(f"step = {step} of {lane!r} is not on record: 0 to {record.head}")
        origin = record.spec
        name = name or branch_name(origin.name, self.recording.records)
        return self.add_lane(origin.branched(name, step, knobs or {}))

    def add_lane(self, spec: Lane) -> str:
        """Add a lane; it starts at step 0, or at its branching step, and catches up.

        A lane that was removed comes back with all its rows if it is added just as it was.

        Returns:
            Its name.

        Raises:
            ValueError: a name that is taken, a rule that does not fit the problem, or a step of the
                parent that is not on record.
        """
        spec = spec.renamed(spec.name or free_name(spec.optimizer, self.recording.records))
        known = self.recording.records.get(spec.name)
        if known is not None and not known.removed:
            raise ValueError(f"there is a lane called {spec.name!r} already")
        if known is not None and known.spec == spec:
            known.removed = False
            self._set(lanes=self._lanes())
            self._resume(known)
            self._event(max(0, known.head), spec.name, "returned", {})
        else:
            self._enter(spec)
        self._settle()
        return spec.name

    def remove_lane(self, name: str) -> None:
        """Take a lane out. Its rows stay on record, for its branches and for its return.

        Raises:
            ValueError: no such lane.
        """
        record = self._present(name)
        if name in self._running:
            record.state = self._running[name].pack()
        self._forget(name)
        record.removed = True
        self._set(lanes=self._lanes())
        self._event(self.head, name, "removed", {})
        self._settle()

    def restart_lane(self, spec: Lane) -> None:
        """Run a lane again from its start under another spec; it catches up with the others.

        Raises:
            ValueError: no such lane, one that others branched from, or a spec that does not fit.
        """
        self._present(spec.name)
        self._enter(spec)
        self._event(0, spec.name, "restarted", {})
        self._settle()

    def set_steps(self, steps: int) -> None:
        """Move the end of the run.

        Raises:
            ValueError: not a whole number of at least 0.
        """
        self._set(steps=steps)

    def set_probes(self, plans: tuple[ProbePlan, ...]) -> None:
        """Measure these things from now on.

        Raises:
            ValueError: a probe that does not fit the problem.
        """
        self._schedule = Schedule(tuple(plans), self.problem)
        self._set(probes=tuple(plans))

    def ask(self, job: Job) -> None:
        """Queue a measurement asked for by hand; an older one of the same key is dropped."""
        self.jobs.ask(job)

    def state_at(self, lane: str, step: int) -> LaneState:
        """The state of a lane at any step on record, replayed from the nearest snapshot.

        Raises:
            ValueError: no such lane, or a step that is not on record.
        """
        record = self.recording.lane(lane).ancestor(step)
        if not 0 <= step <= record.head:
            raise ValueError(f"step = {step} of {lane!r} is not on record: 0 to {record.head}")
        running = self._running.get(record.spec.name)
        if running is not None and running.step == step:
            return running.snapshot()
        replayed = self._revive(record.spec.replace(stop=None), record.snapshots.before(step)[1])
        while replayed.step < step:
            replayed.advance(step)
            if replayed.failure:
                raise ValueError(f"step {step} cannot be replayed: {replayed.failure.message}")
        return replayed.snapshot()

    # -- lanes ---------------------------------------------------------------------------------

    def _at_work(self) -> list[RunningLane]:
        """Lanes that can still step."""
        return [
            lane
            for lane in self._running.values()
            if lane.failure is None and (lane.spec.stop is None or lane.step < lane.spec.stop)
        ]

    def _present(self, name: str) -> LaneRecord:
        """The record of a lane that was not removed."""
        record = self.recording.records.get(name)
        if record is None or record.removed:
            lanes = ", ".join(self.recording.lanes) or "none"
            raise ValueError(f"no lane is called {name!r}; there are: {lanes}")
        return record

    def _lane(self, name: str) -> RunningLane:
        """A lane that can go on."""
        if failure := self._present(name).failure:
            raise ValueError(f"lane {name!r} cannot go on: {failure}")
        return self._running[name]

    def _lanes(self, new: Lane | None = None) -> tuple[Lane, ...]:
        """The experiment's lanes as they are now, or as they will be with a new one."""
        records = self.recording.records
        specs = {name: record.spec for name, record in records.items()}
        removed = {name for name, record in records.items() if record.removed}
        if new is not None:
            specs[new.name] = new
            removed.discard(new.name)
        return lanes_needed(list(specs.values()), removed)

    def _enter(self, spec: Lane) -> None:
        """Put a lane at its start, in the place of one of that name if there was one."""
        branches = self.recording.branches(spec.name)
        if any(not record.removed for record in branches):
            raise ValueError(f"lane {spec.name!r} has branches, which share its past")
        experiment = replace(self.experiment, lanes=self._lanes(spec))
        running = self._prepare(spec)  # nothing is changed before it is there
        for record in branches:  # removed ones: without the past they share there is no return
            self.recording.drop_lane(record.spec.name)
        self._forget(spec.name)
        self.recording.experiment = experiment
        record = self.recording.add_lane(spec)
        self._running[spec.name] = running
        if spec.branch_of:
            self._event(spec.branch_step, spec.name, "branch", {"of": spec.branch_of})
        record.snapshots.add(running.step, running.pack())
        self._take(record, running)

    def _prepare(self, spec: Lane) -> RunningLane:
        """A lane at its start, or where it leaves its parent."""
        if not spec.branch_of:
            return self._make(spec)
        self._reach(spec.branch_of, spec.branch_step)
        state = self.state_at(spec.branch_of, spec.branch_step)
        origin = self.recording.lane(spec.branch_of).ancestor(spec.branch_step).spec
        return self._make(spec, state, fresh_state=not spec.has_rule_of(origin))

    def _make(
        self, spec: Lane, state: LaneState | None = None, *, fresh_state: bool = False
    ) -> RunningLane:
        self._use_threads()
        return RunningLane(
            spec,
            self.problem,
            seed=self.experiment.seed,
            device=self.device,
            dtype=self.dtype,
            resume=state,
            fresh_state=fresh_state,
        )

    def _revive(self, spec: Lane, snapshot: Snapshot) -> RunningLane:
        """A lane as a snapshot left it."""
        return self._make(spec, unpack_state(snapshot, spec, self.problem.layout, self.device))

    def _resume(self, record: LaneRecord) -> None:
        """Go on where a record ends: from its newest state, stepped to its last row."""
        if record.failure:
            return
        found = record.state or record.snapshots.last()[1]
        running = self._revive(record.spec, found)
        while running.step < record.head and not running.failure:
            running.advance(record.head)  # rows already on record: the same numbers again
        if record.head >= record.first:
            running.seconds = float(record.at("seconds", record.head)[1])
        self._running[record.spec.name] = running
        self._take(record, running)

    def _burst(self, lane: RunningLane, target: int, deadline: float) -> None:
        """Let one lane step until its turn is over or a measurement is due."""
        name = lane.spec.name
        share = ROUND_SECONDS / len(self._running)
        turn = int(share / self._pace[name]) if name in self._pace else 1
        due = self._schedule.next_due(lane.step, target)
        stop = min(target, due, lane.step + max(1, min(BURST_STEPS, turn)))
        first, begin = lane.step, time.perf_counter()
        block = lane.advance(stop, deadline)
        done = lane.step - first
        if done:
            pace = (time.perf_counter() - begin) / done
            self._pace[name] = 0.8 * self._pace.get(name, pace) + 0.2 * pace
        self._take(self.recording.records[name], lane, block)

    def _take(self, record: LaneRecord, lane: RunningLane, block: Block | None = None) -> None:
        """Put a lane's new rows on record, with what happened in them."""
        block = lane.flush() if block is None else block
        name = lane.spec.name
        if block is not None:
            record.append(block)
        for run, divergence in lane.diverged.items():
            if run not in record.diverged:
                record.diverged[run] = divergence
                if divergence.step >= record.first:  # and not in the past that a branch shares
                    data = {"run": run, "loss": repr(divergence.loss)}
                    self._event(divergence.step, name, "diverged", data)
        if lane.failure is not None and not record.failure:
            record.failure = lane.failure.message
            step, message, details = lane.failure
            self._event(step, name, "failed", {"message": message, "details": details})
        if block is not None:
            if record.snapshots.wants(lane.step):
                record.snapshots.add(lane.step, lane.pack())
            self._look(lane)

    def _look(self, lane: RunningLane) -> None:
        """Plan the measurements that are due at the lane's step."""
        sight = self._seen(lane.theta, lane.knobs, lane.diverged)
        for job in self._schedule.look(lane.spec.name, lane.step, sight):
            self.jobs.plan(job)

    def _settle(self) -> None:
        """Plan the measurements of all lanes, up to the step that all of them have reached."""
        front = min((lane.step for lane in self._at_work()), default=self.recording.head)
        for job in self._schedule.settle(front, list(self.recording.records)):
            self.jobs.plan(job)

    def _forget(self, name: str) -> None:
        """Let a lane go, with the measurements of it that wait."""
        self._running.pop(name, None)
        self.jobs.forget_lane(name)
        self._schedule.forget_lane(name)

    def _reach(self, lane: str, step: int) -> None:
        """Bring a parent lane to the step where a branch leaves it (a file may ask for that)."""
        running = self._running.get(lane)
        while running is not None and running in self._at_work() and running.step < step:
            self._burst(running, step, float("inf"))
            if self.jobs.planned >= WAITING:
                self.jobs.work()

    # -- measurements --------------------------------------------------------------------------

    def _sight(self, lane: str, step: int) -> Sight | None:
        """What there was to see of a lane at a step; None where it is not on record."""
        record = self.recording.lane(lane)
        found = record.at("theta", step)
        if found is None or found[0] != step:
            return None
        theta = torch.tensor(found[1], device=self.device, dtype=self.dtype)
        knobs = live_knobs(record.ancestor(step).spec, step, self.device, self.dtype)
        gone = [run for run, where in record.diverged.items() if where.step <= step]
        return self._seen(theta, knobs, gone)

    def _seen(self, theta: torch.Tensor, knobs: Mapping, gone: Iterable[int]) -> Sight:
        values = {key: value[:, 0].cpu().numpy() for key, value in knobs.items()}
        return Sight(theta, values, self.experiment.seed, frozenset(gone))

    def _measure_what_waited(self) -> None:
        """Plan the measurements that were waiting when the recording was kept."""
        made = {(result.name, result.lane, result.step) for result in self.recording.results}
        self._schedule.settled(max((step for _, lane, step in made if not lane), default=-1))
        for data, lane, step in self.recording.waiting:
            plan = ProbePlan.from_data(data)
            if (plan.name, lane, step) not in made:
                found = {
                    name: self._sight(name, step)
                    for name in ([lane] if lane else self.recording.lanes)
                }
                sights = {name: sight for name, sight in found.items() if sight is not None}
                for job in self._schedule.again(plan, lane, step, sights):
                    self.jobs.plan(job)

    def _finished(self, job: Job, result: Any) -> None:
        self.cost[job.name] = self.cost.get(job.name, 0.0) + job.seconds
        if result is NOTHING:
            return
        if job.record is not None:
            found = job.record(result)
            if not isinstance(found, Measurement):
                raise TypeError(f"it gave a {type(found).__name__} instead of a Measurement")
            self.recording.results.append(
                Result.of(job.name, job.lane, job.step, found.arrays, found.info, job.seconds)
            )
        if job.share is not None:
            job.share(job.key, 1.0, result)

    def _failed(self, job: Job, message: str, details: str) -> None:
        if job.share is not None:
            job.share(job.key, 1.0, Trouble(message, details))
            return
        data = {"measurement": job.name, "message": message, "details": details}
        self._event(job.step, job.lane, "failed", data)

    # -- small things --------------------------------------------------------------------------

    def _use_threads(self) -> None:
        """Compute with the number of threads that belongs to the problem: it changes rounding."""
        if torch.get_num_threads() != self.threads:
            torch.set_num_threads(self.threads)

    def _set(self, **changed: Any) -> None:
        self.recording.experiment = replace(self.experiment, **changed)

    def _event(self, step: int, lane: str, kind: str, data: Mapping[str, Any]) -> None:
        self.recording.events.append(Event(step, lane, kind, data))

    def _header(self, experiment: Experiment) -> dict[str, Any]:
        return {
            "device": str(self.device),
            "dtype": experiment.dtype,
            "threads": self.threads,
            **versions(),
            "problem": described(self.problem),
        }


def described(problem: Problem) -> dict[str, Any]:
    """What a view wants to know of a problem, as plain data for the record's header."""
    return {
        "title": problem.title,
        "family": problem.family,
        "dim": problem.dim,
        "names": list(problem.layout.names),
        "window": problem.window,
        "optima": [list(optimum) for optimum in problem.optima],
        "log_scale": problem.log_scale,
        "data": problem.data_text,
        "hessian_trouble": problem.hessian_trouble,
        "trouble": problem.trouble(),
        "unfit": _unfit(problem),
    }


def _unfit(problem: Problem) -> dict[str, str]:
    """Optimizers and probes that a problem does not allow: name -> reason.

    Torch's own classes are not asked: they load its compiler, which takes a second, and say what
    does not fit when a lane is made of them.
    """
    entries = [
        entry
        for kind in ("optimizer", "probe")
        for entry in catalogue(kind).values()
        if entry.factory is not None and entry.family != "torch"
    ]
    reasons = {entry.name: entry.factory.unfit(problem) for entry in entries}
    return {name: reason for name, reason in reasons.items() if reason}

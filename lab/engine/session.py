"""A session: lanes, probes and a recording. Single-threaded and deterministic.

The engine stands at the head of the record and only ever goes forward. Looking at an earlier step
needs no engine; changing something at an earlier step makes a branch from a replayed snapshot.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch

from lab.engine.analysis.base import Steps
from lab.engine.catalogue import Choice
from lab.engine.description import header
from lab.engine.device import pick_device, pick_dtype, thread_count
from lab.engine.experiment import Experiment
from lab.engine.jobs import Job, Jobs
from lab.engine.lane import LaneState
from lab.engine.lanes import Lanes
from lab.engine.measurements import Measurements
from lab.engine.memory import keep_freed_memory
from lab.engine.moment import Moment
from lab.engine.plan import Lane, branch_name, free_name
from lab.engine.plan_checks import check_step
from lab.engine.probe_plan import ProbePlan
from lab.engine.problem import Problem
from lab.engine.recorder import Recorder
from lab.engine.recording import Recording
from lab.engine.turns import Turns

PATIENCE = 0.25  # seconds between two words of progress where no window is
KEEP_EVERY = 1.0  # seconds between two writings of the file there


class Session:
    """An experiment at work: its lanes step, its probes measure, its recording grows.

    Single-threaded: the one thread that made it calls it. `advance` steps and `jobs` measures, a
    slice at a time; `run` does both to the end. The commands (`set_knob`, `branch`, `add_lane`,
    ...) may come between any two steps, and `experiment` always says what was done in the end.
    """

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
        keep_freed_memory()
        self.device = pick_device(experiment.device)
        self.dtype = pick_dtype(experiment.dtype, self.device)
        chosen = experiment.problem
        self.problem: Problem = chosen.make() if isinstance(chosen, Choice) else chosen
        self.threads = thread_count(self.problem.family)
        if resume is None:
            about = header(self.problem, self.device, self.dtype, self.threads)
            self.recording = Recording(replace(experiment, lanes=()), about)
            Recorder(self.recording)
        else:
            self.recording = resume
        place = {"device": self.device, "dtype": self.dtype}
        self._measurements = Measurements(self.problem, self.recording, **place)
        self._lanes = Lanes(
            self.problem,
            self.recording,
            **place,
            threads=self.threads,
            arrived=self._measurements.look,
        )
        self._turns = Turns(self._lanes, self._measurements, self.threads)
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
                    self._lanes.resume(record)
            self._measurements.resume(self.moment)
            resume.recorder.make_writable(path)
        self._turns.settle()

    @property
    def jobs(self) -> Jobs:
        """The queue of measurements."""
        return self._measurements.jobs

    @property
    def cost(self) -> dict[str, float]:
        """Seconds spent on "steps" and on each measurement."""
        return {"steps": self._turns.seconds, **self._measurements.cost}

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
        return max(0, self._lanes.rear)

    @property
    def front(self) -> int:
        """The step that the foremost lane has reached."""
        return max(0, self._lanes.front)

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
        return self._turns.advance(self.target if target is None else target, seconds)

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
        self._lanes.keep()
        self._measurements.keep()
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
        if step is not None and check_step(step) < self._lanes.present(lane).head:
            return self.branch(lane, step, {knob: value})
        running = self._lanes.able(lane)
        step = running.step if step is None else step
        spec = running.spec.with_change(step, {knob: value})
        self._lanes.turn(spec)
        self.recording.note(step, lane, "knob", {knob: spec.knobs_at(step)[knob]})
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
        record = self._lanes.present(lane).ancestor(check_step(step))
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
        spec = spec.scheduled_for(self.experiment.steps)
        known = self.recording.records.get(spec.name)
        if known is not None and not known.removed:
            raise ValueError(f"there is a lane called {spec.name!r} already")
        if known is not None and known.spec == spec:
            self._lanes.bring_back(known)
            self.recording.note(max(0, known.head), spec.name, "returned")
        else:
            self._enter(spec)
        self._turns.settle()
        return spec.name

    def remove_lane(self, name: str) -> None:
        """Take a lane out. Its rows stay on record, for its branches and for its return.

        Raises:
            ValueError: no such lane.
        """
        self._lanes.remove(name)
        self._measurements.forget(name)
        self.recording.note(self.head, name, "removed")
        self._turns.settle()

    def restart_lane(self, spec: Lane) -> None:
        """Run a lane again from its start under another spec; it catches up with the others.

        Raises:
            ValueError: no such lane, one that others branched from, or a spec that does not fit.
        """
        self._lanes.present(spec.name)
        self._enter(spec.scheduled_for(self.experiment.steps))
        self.recording.note(0, spec.name, "restarted")
        self._turns.settle()

    def set_steps(self, steps: int) -> None:
        """Move the end of the run.

        Raises:
            ValueError: not a whole number of at least 0.
        """
        self.recording.experiment = replace(self.experiment, steps=steps)

    def set_probes(self, plans: tuple[ProbePlan, ...]) -> None:
        """Measure these things from now on.

        Raises:
            ValueError: a probe that does not fit the problem.
        """
        self._measurements.set_plans(tuple(plans))
        self.recording.experiment = replace(self.experiment, probes=tuple(plans))

    def ask(self, job: Job) -> None:
        """Queue a measurement asked for by hand; an older one of the same key is dropped."""
        self.jobs.ask(job)

    def state_at(self, lane: str, step: int) -> LaneState:
        """The state of a lane at any step on record, replayed from the nearest snapshot.

        Raises:
            ValueError: no such lane, or a step that is not on record.
        """
        return self._lanes.state_at(lane, step)

    def moment(self, lane: str, step: int) -> Steps[Moment]:
        """What is needed to look into the update that leads on from a step on record.

        Raises:
            ValueError: no such lane, or a step that is not on record.
        """
        return self._lanes.moment(lane, step)

    def first_of(self, lane: str) -> torch.Tensor:
        """Where the runs of a lane began (runs, dim), its parent's start for a branch.

        Raises:
            ValueError: no such lane, or nothing on record.
        """
        return self._measurements.first_of(lane)

    # -- lanes ---------------------------------------------------------------------------------

    def _enter(self, spec: Lane) -> None:
        """Put a lane at its start; a parent that is not there yet is brought to where it leaves."""
        self._turns.bring(spec.branch_of, spec.branch_step)
        lane = self._lanes.prepare(spec)
        self._measurements.forget(spec.name)
        self._lanes.enter(lane)

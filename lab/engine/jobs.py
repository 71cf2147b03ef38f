"""The queue of measurements: worked off a slice at a time between the steps of a run."""

import time
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lab.engine.analysis.base import Steps
from lab.engine.probe_plan import ProbePlan

PATIENT_EVERY = 4  # slices
FAIR = 0.05  # share of the work after which its pace says more than a forecast


def _itself(result: Any) -> Any:
    return result


@dataclass(eq=False)
class Job:
    """A measurement that waits or is under way.

    Attributes:
        name: what the result will be called.
        lane: the lane it looks at, empty for none.
        step: the step it looks at.
        steps: the generator that does the work.
        key: a newer job of the same key replaces this one; empty for planned measurements.
        plan: what asks for a planned measurement.
        share: is handed the key, the part done and what is known; at the end 1 and the result.
        record: makes the measurement for the record of the result; None if it is not kept.
        patient: whether it lets all others go first, also those that come while it is under way,
            but for every fourth slice: a run that is measured all the time must not starve it.
        seconds: time spent so far.
        done: from 0 to 1.
        begun: where `done` stood at the first report: more than 0 where something was known.
        cost: what the whole will take, once that is known.
    """

    name: str
    lane: str
    step: int
    steps: Steps
    key: tuple = ()
    plan: ProbePlan | None = None
    share: Callable[[tuple, float, Any], Any] | None = None
    record: Callable[[Any], Any] | None = _itself
    patient: bool = False
    seconds: float = 0.0
    done: float = 0.0
    begun: float | None = None
    cost: Any = None

    @property
    def left(self) -> float | None:
        """Seconds of work that are left, by the pace so far, or else by the forecast."""
        made = self.done - (self.begun or 0.0)
        if self.done < 1 and made > FAIR:
            return self.seconds * (1 - self.done) / made
        return None if self.cost is None else self.cost.seconds * (1 - self.done)


class Jobs:
    """Measurements in order: those asked for by hand, planned ones in their turn, patient ones."""

    def __init__(
        self,
        finished: Callable[[Job, Any], None],
        failed: Callable[[Job, str, str], None],
    ):
        """Start empty.

        Args:
            finished: is handed each job with its result.
            failed: is handed each job that raised, with one line and the traceback.
        """
        self._queue: deque[Job] = deque()
        self._finished, self._failed = finished, failed
        self._slices = 0

    def __len__(self) -> int:
        """Number of jobs waiting or under way."""
        return len(self._queue)

    @property
    def planned(self) -> int:
        """Number of planned ones."""
        return sum(not job.key for job in self._queue)

    @property
    def waiting(self) -> list[tuple[ProbePlan, str, int]]:
        """The planned ones: plan, lane and step."""
        return [(job.plan, job.lane, job.step) for job in self._queue if job.plan is not None]

    @property
    def asked(self) -> list[Job]:
        """Those asked for by hand."""
        return [job for job in self._queue if job.key]

    @property
    def current(self) -> Job | None:
        """The one under way."""
        return self._queue[0] if self._queue else None

    def plan(self, job: Job) -> None:
        """Queue a planned measurement."""
        self._queue.insert(len(self._queue) - sum(job.patient for job in self._queue), job)

    def ask(self, job: Job) -> None:
        """Queue a measurement asked for by hand, in place of an older one of its key."""
        self.cancel(job.key)
        if job.patient:
            self._queue.append(job)
        else:
            self._queue.appendleft(job)

    def cancel(self, key: tuple) -> None:
        """Drop the jobs of a key."""
        self._drop(lambda job: job.key == key)

    def forget_lane(self, lane: str) -> None:
        """Drop the jobs that look at a lane."""
        self._drop(lambda job: job.lane == lane)

    def work(self, seconds: float = float("inf")) -> float:
        """Work for a while (one slice is always made); returns the seconds spent."""
        begin = time.perf_counter()
        while self._queue:
            self._slice(self._next())
            if time.perf_counter() - begin >= seconds:
                break
        return time.perf_counter() - begin

    def _next(self) -> Job:
        """The first job; every few slices a patient one."""
        self._slices += 1
        if self._slices % PATIENT_EVERY == 0:
            return next((job for job in self._queue if job.patient), self._queue[0])
        return self._queue[0]

    def _slice(self, job: Job) -> None:
        """Let a job work until it reports; whatever it raises is passed on as its failure."""
        begin = time.perf_counter()
        try:
            progress = next(job.steps)
            job.done, job.cost = progress.done, progress.cost or job.cost
            job.begun = job.done if job.begun is None else job.begun
            if job.share is not None and progress.partial is not None:
                job.share(job.key, job.done, progress.partial)
        except StopIteration as stop:
            job.seconds += time.perf_counter() - begin
            self._queue.remove(job)
            self._end(job, stop.value)
        except Exception as error:
            self._drop(lambda other: other is job)
            self._tell(job, error)
        else:
            job.seconds += time.perf_counter() - begin

    def _end(self, job: Job, result: Any) -> None:
        try:
            self._finished(job, result)
        except Exception as error:  # a result that cannot be recorded
            self._tell(job, error)

    def _tell(self, job: Job, error: Exception) -> None:
        known = isinstance(error, ValueError | OSError) and str(error)
        line = str(error) if known else f"{type(error).__name__}: {error}"
        self._failed(job, line.splitlines()[0], traceback.format_exc())

    def _drop(self, condition: Callable[[Job], bool]) -> None:
        for job in [job for job in self._queue if condition(job)]:
            self._queue.remove(job)
            try:
                job.steps.close()
            except Exception as error:  # it would not go quietly
                self._tell(job, error)

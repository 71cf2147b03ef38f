"""A lane at work: one optimizer, a batch of runs, its random streams, its snapshots.

A lane hands out what it measured as blocks of rows, one row for each step. Row k describes theta_k:
the loss and gradient there are those the rule will use for step k + 1.
"""

import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch

from lab.engine.device import check_memory
from lab.engine.layout import Layout
from lab.engine.moment import Moment
from lab.engine.noise import Noise
from lab.engine.optimizers.rule import Rule
from lab.engine.oracle import Counts, Oracle
from lab.engine.plan import Lane
from lab.engine.problem import Problem
from lab.engine.seeds import generator
from lab.engine.snapshots import Snapshot, pack, unpack

BLOCK_ROWS = 256
BLOCK_BYTES = 4 << 20
LARGE = 512 << 20  # bytes of a lane from which it is asked whether they are free
EXPLODED_LOSS = 1e20  # a run is given up beyond this: float32 ends at 3e38
EXPLODED_THETA = 1e12
_STREAM = 1 << 20  # runs whose noise a lane's `stream` tells from that of another stream
COUNTED = ("value_evaluations", "gradient_evaluations", "hessian_products")  # as in Counts


class Block(NamedTuple):
    """Consecutive rows of a lane's record.

    Attributes:
        first: step of the first row.
        columns: name -> array with a leading axis of rows.
    """

    first: int
    columns: dict[str, np.ndarray]


class Divergence(NamedTuple):
    """Where a run became useless: its first step with a non-finite or exploded value, and that."""

    step: int
    loss: float


class Failure(NamedTuple):
    """An error raised by a problem or rule: the last step made, one line, and the traceback."""

    step: int
    message: str
    details: str


class LaneState(NamedTuple):
    """All that is needed to go on from a step."""

    step: int
    theta: torch.Tensor
    state: Any
    counts: Counts
    seconds: float
    diverged: dict[int, Divergence]


class RunningLane:
    """The runs of one lane, at some step."""

    def __init__(
        self,
        spec: Lane,
        problem: Problem,
        *,
        seed: int,
        device: torch.device,
        dtype: torch.dtype,
        resume: LaneState | None = None,
        fresh_state: bool = False,
    ):
        """Set the runs at their start, or where a snapshot left them.

        Args:
            spec: what the experiment says about the lane.
            problem: what is minimised.
            seed: the experiment's seed.
            device: where tensors live.
            dtype: their precision.
            resume: go on from here; the row of that step counts as already recorded.
            fresh_state: take only position and past from `resume`, with a new state for the rule.

        Raises:
            ValueError: a start of the wrong length, or a rule that does not fit the problem.
        """
        rule = _rule(spec)
        if reason := rule.unfit(problem):
            raise ValueError(f"lane {spec.name!r}: {reason}")
        self.runs = spec.total_runs
        _check_size(spec, rule, problem, device, dtype)
        rows = [run % spec.runs for run in range(self.runs)]
        streams = [spec.stream * _STREAM + row for row in rows]
        self._place = {"device": device, "dtype": dtype}
        self.rule = rule
        self._oracle = Oracle(problem, problem.batches(seed, streams), Noise(seed, streams))
        self._failure: Failure | None = None
        if resume is None:
            self.step = 0
            self.theta = _starts(spec, problem, seed)[rows].to(**self._place)
            self.seconds = 0.0
            self.counts = Counts()
            self.diverged: dict[int, Divergence] = {}
        else:
            self.step, self.theta, self.counts = resume.step, resume.theta, resume.counts
            self.seconds, self.diverged = resume.seconds, dict(resume.diverged)
        self._oracle.counts = self.counts
        self.turn(spec)
        with torch.no_grad():
            if resume is None or fresh_state:
                self.state = self._bound.init(self.theta, problem.layout)
            else:
                self.state = resume.state
        self._rows = max(1, min(BLOCK_ROWS, BLOCK_BYTES // max(1, self.theta.nbytes)))
        self._buffer = {
            "theta": torch.empty(self._rows, *self.theta.shape, **self._place),
            "loss": torch.empty(self._rows, self.runs, **self._place),
            "grad_norm": torch.empty(self._rows, self.runs, **self._place),
        }
        if rule.shows_another:
            self._buffer["shown"] = torch.empty_like(self._buffer["theta"])
        for name in rule.readings:
            self._buffer[name] = torch.empty(self._rows, self.runs, **self._place)
        self._host: list[tuple[float, Counts]] = []
        self._begin(record=resume is None)

    @property
    def failure(self) -> Failure | None:
        """What stopped the lane, if something was raised."""
        return self._failure

    def advance(self, target: int, deadline: float = float("inf")) -> Block | None:
        """Step towards a target until it is reached, the block is full or time is up.

        Args:
            target: the step to reach.
            deadline: value of `time.perf_counter()` after which no step is begun.

        Returns:
            The new rows, or None if there are none.
        """
        if self.spec.stop is not None:
            target = min(target, self.spec.stop)
        if self._failure is not None:
            return None
        if len(self.diverged) == self.runs:
            return self._stand_still(target)
        with self._guarded():
            self._run(target, deadline)
        return self.flush()

    def turn(self, spec: Lane) -> None:
        """Take over a spec with live knobs changed at the present step or later."""
        self.spec = spec
        self._turns = {change.step for change in spec.changes}
        self._turn_knobs()

    def snapshot(self) -> LaneState:
        """All that is needed to go on from the present step."""
        layout = self._oracle.layout
        state = self.rule.unpack(self.rule.pack(self.state), self.theta, layout)
        return LaneState(
            self.step, self.theta, state, self.counts, self.seconds, dict(self.diverged)
        )

    def moment(self) -> Moment:
        """What is needed to look into the next step; the lane itself goes on as if nobody did."""
        bound = self.rule.bind(live_knobs(self.spec, self.step, **self._place))
        return Moment(self.step, self.theta, self.snapshot().state, bound, self._oracle.kept())

    def pack(self) -> Snapshot:
        """The snapshot of the present step, packed for keeping."""
        where = {run: list(divergence) for run, divergence in self.diverged.items()}
        rule_state = self.rule.pack(self.state)
        return pack([self.step, self.theta, rule_state, list(self.counts), self.seconds, where])

    def flush(self) -> Block | None:
        """Hand out the rows collected so far, with diverged runs masked from their step on."""
        count = len(self._host)
        if not count:
            return None
        # One copy to the host; the arrays are the recording's from here on.
        columns = {name: rows[:count].cpu().numpy().copy() for name, rows in self._buffer.items()}
        first = self.step - count + 1
        self._mask_diverged(first, columns)
        if len(self.diverged) == self.runs:  # nothing was asked for on behalf of anyone since
            last = max(divergence.step for divergence in self.diverged.values())
            self.counts = self._host[last - first][1]
            self._host[last - first :] = [(t, self.counts) for t, _ in self._host[last - first :]]
        columns["seconds"] = np.array([seconds for seconds, _ in self._host])
        counts = np.array([counts for _, counts in self._host], dtype=np.float64)
        columns.update({name: counts[:, i].copy() for i, name in enumerate(COUNTED)})
        self._host.clear()
        return Block(first, columns)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Called without gradient bookkeeping; whatever a problem or rule raises is kept."""
        try:
            with torch.no_grad():
                yield
        except Exception as error:
            line = f"{type(error).__name__}: {error}".splitlines()[0]
            self._failure = Failure(self.step, line, traceback.format_exc())

    def _run(self, target: int, deadline: float) -> None:
        """The inner loop: at least one step, unless the target is reached."""
        oracle, clock = self._oracle, time.perf_counter
        now = clock()
        while self.step < target and len(self._host) < self._rows:
            if self.step in self._turns:
                self._turn_knobs()
            elif self.spec.lr_schedule is not None:
                self._follow_schedule()
            theta, state = self._bound.update(self.theta, self.state, oracle)
            value, gradient = oracle.observe(theta, self.step + 1)
            self._note(theta, state, value, gradient)
            # From here on the step is made; an error before leaves everything at the last one.
            self.theta, self.state, self.counts = theta, state, oracle.counts
            self.step += 1
            begin, now = now, clock()
            self.seconds += now - begin
            self._host.append((self.seconds, self.counts))
            if now >= deadline:
                return

    def _begin(self, record: bool) -> None:
        """Look at the first point: recorded at a start, only primed at a resumption."""
        with self._guarded():
            begin = time.perf_counter()
            value, gradient = self._oracle.observe(self.theta, self.step)
            if value.shape != (self.runs,) or gradient.shape != self.theta.shape:
                raise ValueError(
                    f"the problem gave values of shape {tuple(value.shape)} and gradients of shape "
                    f"{tuple(gradient.shape)} for points of shape {tuple(self.theta.shape)}"
                )
            if record:
                self._note(self.theta, self.state, value, gradient)
                self.seconds += time.perf_counter() - begin
                self._host.append((self.seconds, self.counts))

    def _note(
        self, theta: torch.Tensor, state: Any, value: torch.Tensor, gradient: torch.Tensor
    ) -> None:
        """Put what is known of a point into the next row of the buffer."""
        row = len(self._host)
        buffer = self._buffer
        buffer["theta"][row] = theta
        buffer["loss"][row] = value
        torch.linalg.vector_norm(gradient, dim=1, out=buffer["grad_norm"][row])
        if "shown" in buffer:
            buffer["shown"][row] = self._bound.shown(theta, state)
        if self.rule.readings:
            for name, value in self._bound.read(theta, state).items():
                buffer[name][row] = value

    def _turn_knobs(self) -> None:
        """Bind the rule to the values that hold at the present step, one tensor for each knob."""
        self._set = set_knobs(self.spec, self.step, **self._place)
        self._follow_schedule()

    def _follow_schedule(self) -> None:
        """Bind the rule to what its schedule makes of the knobs at the present step."""
        self.knobs = scheduled(self._set, self.spec.scheduled_at(self.step))
        self._bound = self.rule.bind(self.knobs)

    def _mask_diverged(self, first: int, columns: dict[str, np.ndarray]) -> None:
        """Find runs that became useless and blank their rows after that step."""
        loss, theta = columns["loss"], columns["theta"]
        # NaN compares false, so "not small" is also "not finite"
        useless = ~(np.abs(loss) < EXPLODED_LOSS)
        # numpy takes twenty times as long for the largest of two
        largest = torch.from_numpy(theta).abs().amax(2).numpy()
        useless |= ~(largest < EXPLODED_THETA)
        runs = np.flatnonzero(useless.any(axis=0)).tolist()
        found = sorted((int(useless[:, run].argmax()), run) for run in runs)
        for row, run in found:  # in the order of steps, however long a block is
            if run not in self.diverged:
                self.diverged[run] = Divergence(first + row, float(loss[row, run]))
        for run, divergence in self.diverged.items():
            blank = max(0, divergence.step + 1 - first)
            for rows in columns.values():
                rows[blank:, run] = np.nan

    def _stand_still(self, target: int) -> Block | None:
        """Rows of nothing for a lane whose runs are all gone: no work, but the record goes on."""
        if self.step >= target:
            return None
        most = max(1, BLOCK_BYTES // max(1, self.theta.nbytes))
        count = min(target - self.step, 16 * BLOCK_ROWS, most)
        columns = {
            name: np.full((count, *rows.shape[1:]), np.nan, dtype=rows[:0].cpu().numpy().dtype)
            for name, rows in self._buffer.items()
        }
        columns["seconds"] = np.full(count, self.seconds)
        for name, value in zip(COUNTED, self.counts, strict=True):
            columns[name] = np.full(count, float(value))
        first = self.step + 1
        self.step += count
        return Block(first, columns)


def live_knobs(
    spec: Lane, step: int, device: torch.device, dtype: torch.dtype
) -> dict[str, torch.Tensor]:
    """The live knobs' values from a step on: name -> (runs, 1), a value for each run.

    With a schedule they hold for that step only.
    """
    return scheduled(set_knobs(spec, step, device, dtype), spec.scheduled_at(step))


def set_knobs(
    spec: Lane, step: int, device: torch.device, dtype: torch.dtype
) -> dict[str, torch.Tensor]:
    """The live knobs as they are set at a step, before any schedule: name -> (runs, 1)."""
    values, table = spec.knobs_at(step), spec.run_knobs()
    tensors = {}
    for item in spec.entry.knobs:
        if item.knob.live:
            name, value = item.name, values[item.name]
            column = [row[name] for row in table] if isinstance(value, tuple) else [value]
            tensor = torch.tensor(column, device=device, dtype=dtype)[:, None]
            # one value for all runs is read once, which halves the time of a step on surfaces
            tensors[name] = tensor.expand(spec.total_runs, 1)
    return tensors


def scheduled(
    knobs: dict[str, torch.Tensor], found: Mapping[str, float]
) -> dict[str, torch.Tensor]:
    """Knobs (runs, 1) with what a schedule does to them: see `Lane.scheduled_at`."""
    turned = {
        name: knobs[name] * value if name == "lr" else torch.full_like(knobs[name], value)
        for name, value in found.items()
    }
    return {**knobs, **turned}


def _check_size(
    spec: Lane, rule: Rule, problem: Problem, device: torch.device, dtype: torch.dtype
) -> None:
    """Refuse a batch of runs that will not fit, before any of it is made.

    Raises:
        ValueError: more than the memory that is free.
    """
    needed = problem.forecast(spec.total_runs, dtype)
    needed += spec.total_runs * rule.tables(problem) * dtype.itemsize
    if needed > LARGE:
        what = f"lane {spec.name!r} with {spec.total_runs} runs of {problem.dim} parameters"
        check_memory(needed, device, what)


def _starts(spec: Lane, problem: Problem, seed: int) -> torch.Tensor:
    """Starting points (spec.runs, dim) in float64 on the CPU."""
    if spec.start is None:
        return problem.start([generator(seed, "start", run) for run in range(spec.runs)])
    if len(spec.start[0]) != problem.dim:
        raise ValueError(
            f"lane {spec.name!r}: start has {len(spec.start[0])} numbers in a row, "
            f"this problem has {problem.dim} parameters"
        )
    return torch.tensor(spec.start, dtype=torch.float64).expand(spec.runs, problem.dim)


def unpack_state(snapshot: Snapshot, spec: Lane, layout: Layout, device: torch.device) -> LaneState:
    """The inverse of `RunningLane.pack`, for the lane that a spec describes."""
    step, theta, state, counts, seconds, diverged = unpack(snapshot, device)
    where = {run: Divergence(*divergence) for run, divergence in diverged.items()}
    rule_state = _rule(spec).unpack(state, theta, layout)
    return LaneState(step, theta, rule_state, Counts(*counts), seconds, where)


def _rule(spec: Lane) -> Rule:
    """The lane's rule, with swept knobs at their defaults (each run has its own value)."""
    rule = spec.entry.make(**{k: v for k, v in spec.knobs.items() if k not in spec.sweep})
    return rule.in_groups(spec.runs) if rule.couples_runs else rule

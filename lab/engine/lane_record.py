"""The rows of one lane on record, and how they are read: by steps, at a step, as a curve."""

from collections.abc import Callable

import numpy as np

from lab.engine.column import Column
from lab.engine.derived import DERIVED
from lab.engine.lane import Block, Divergence
from lab.engine.overview import Curve, Overview, joined, summary
from lab.engine.plan import Lane
from lab.engine.snapshots import Snapshot, Snapshots

OVERVIEWS = ("loss", "grad_norm")


class LaneRecord:
    """The rows of one lane. A branch reads its parent's rows up to the step where it left it."""

    def __init__(
        self,
        spec: Lane,
        parent: "LaneRecord | None",
        fetch: Callable[[int], np.ndarray] | None = None,
    ):
        """Start empty.

        Args:
            spec: what the experiment says about the lane.
            parent: the record of the lane it branched from.
            fetch: reads rows that are only in the file.
        """
        self.spec = spec
        self.parent = parent
        self.runs = spec.total_runs
        self.first = spec.branch_step + 1 if parent else 0
        self.head = self.first - 1  # step of the last row that is complete in every column
        self.columns: dict[str, Column] = {}
        self.overviews = {name: Overview(self.first) for name in OVERVIEWS}
        self.snapshots = Snapshots()
        self.state: Snapshot | None = None  # of the head, as far as the file knows it
        self.diverged: dict[int, Divergence] = {}
        self.failure = ""
        self.removed = False
        self.fetch = fetch

    def append(self, block: Block) -> None:
        """Add a block of rows."""
        for name, rows in block.columns.items():
            if name not in self.columns:
                self.columns = {**self.columns, name: Column(self.first, self.fetch)}
            self.columns[name].append(rows)
            if name in self.overviews:
                self.overviews[name].append(rows)
        self.head = block.first + len(block.columns["loss"]) - 1

    def read(self, name: str, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows of a column in start <= step < stop.

        Returns:
            The steps on record, and their rows, read-only.

        Raises:
            ValueError: no such column.
        """
        stop = min(stop, self.head + 1)
        if self.parent and start < self.first:
            before = self.parent.read(name, start, min(stop, self.first))
            if stop <= self.first:
                return before
            after = self.read(name, self.first, stop)
            rows = np.concatenate([before[1], after[1]])
            rows.setflags(write=False)
            return np.concatenate([before[0], after[0]]), rows
        column = self._column(name)
        if column is None and name in DERIVED and self.columns:
            return DERIVED[name](self.spec, lambda other: self.read(other, start, stop))
        if column is None and self.parent and not self.columns:  # a branch that is yet to begin
            return self.parent.read(name, 0, 0)
        if column is None:
            raise ValueError(
                f"lane {self.spec.name!r} has no {name!r} on record; there are: "
                f"{', '.join(self.columns) or 'none yet'}"
            )
        return column.read(start, stop)

    def at(self, name: str, step: int) -> tuple[int, np.ndarray] | None:
        """The row of a step, or of the nearest earlier one on record; None before the first."""
        step = min(step, self.head)
        column = self._column(name)
        if column is None and name in DERIVED and step >= self.first:
            steps, rows = self.read(name, step, step + 1)
            return (step, rows[0]) if len(steps) else None
        found = column.at(step) if column and step >= self.first else None
        if found is None and self.parent:  # before the branch, or its first row was thinned away
            return self.parent.at(name, min(step, self.first - 1))
        return found

    def curve(self, name: str, start: int, stop: int, points: int) -> Curve:
        """A scalar over start <= step < stop, made for a plot.

        Args:
            name: the column.
            start: first step.
            stop: one more than the last step.
            points: about how many points are wanted; spikes survive.

        Returns:
            The curve with its band over runs; a long one may begin a little before the start.
        """
        stop = min(stop, self.head + 1)
        if self.parent and start < self.first:
            before = self.parent.curve(name, start, min(stop, self.first), points)
            return (
                before
                if stop <= self.first
                else joined([before, self.curve(name, self.first, stop, points)])
            )
        drawn = self.overviews[name].curve(start, stop, points) if name in self.overviews else None
        if drawn is not None and len(drawn[0].steps):
            curve, end = drawn
            if end >= stop:
                return curve
            return joined([curve, self.curve(name, end, stop, max(2, points // 4))])
        steps, rows = self.read(name, start, stop)
        low, middle, high = summary(rows[:, None] if rows.ndim == 1 else rows).T
        return Curve(steps, low, middle, high)

    @property
    def quantities(self) -> list[str]:
        """What can be read as a number for each run and step, the rule's own readings last."""
        kept = self.columns or (self.parent.columns if self.parent else {})
        derived = [name for name in DERIVED if name != "lr" or "lr" in self.spec.knobs]
        return [name for name in (*kept, *derived) if name not in ("theta", "shown")]

    def knows(self, name: str) -> bool:
        """Whether there are numbers of that name; quicker than to look through `quantities`."""
        return name in self.columns or name in self.quantities

    def _column(self, name: str) -> Column | None:
        """A column; a rule that shows what it evaluates has one for both."""
        return self.columns.get(name) or (self.columns.get("theta") if name == "shown" else None)

    def divergence_text(self) -> str:
        """Which runs diverged, from when on and at what loss, as a sentence; empty for none."""
        if not self.diverged:
            return ""
        run, first = min(self.diverged.items(), key=lambda item: item[1].step)
        where = f"at step {first.step:,} with a loss of {first.loss:.3g}"
        if self.runs == 1:
            return f"{self.spec.name} diverged {where}"
        many = f"{len(self.diverged)} of {self.runs} runs diverged"
        return f"{self.spec.name}: {many}, the first (run {run + 1}) {where}"

    def ancestor(self, step: int) -> "LaneRecord":
        """The record of the lane that went on from a step: this one, or one it branched from."""
        if self.parent and step < self.spec.branch_step:
            return self.parent.ancestor(step)
        return self

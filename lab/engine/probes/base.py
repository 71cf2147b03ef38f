"""What a probe is: when an analysis runs along a session, and what it adds to the recording."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch

from lab.engine.analysis.base import Steps
from lab.engine.analysis.cost import Cost
from lab.engine.lineage import Past
from lab.engine.moment import Moment
from lab.engine.problem import Problem


class Series(NamedTuple):
    """A number of a measurement's info that is worth drawing against steps.

    Where the info also has `<key>_low` and `<key>_high`, or `<key>_error`, they make a band.

    Attributes:
        key: its name in the info.
        title: the name on an axis.
        unit: its unit; "1" for a pure number.
        log: whether a logarithmic axis suits it.
        doc: one line on what it is.
        parts: name of an array with the same number of each part (layer), if there is one; the
            info has the parts' `names`, with commas between them.
    """

    key: str
    title: str
    unit: str = "1"
    log: bool = False
    doc: str = ""
    parts: str = ""


class Sight(NamedTuple):
    """What a probe sees of a lane at a step.

    Attributes:
        theta: (runs, dim); NaN for runs that were given up earlier.
        knobs: the live knobs' values, name -> (runs,).
        seed: the experiment's seed, for a probe's own random directions.
        diverged: the runs that are given up.
        moment: the lane as it stands before its next step, for a probe that looks inside it.
        before: what the lane's last planned measurement of this probe left to begin with; empty for
            the first one and for measurements asked for by hand.
        first: (runs, dim), where the lane began, for a probe that looks back to it; NaN for runs
            that were lost there.
        past: where the lane came from: what it shares with others, and its points at any step.
    """

    theta: torch.Tensor
    knobs: Mapping[str, np.ndarray]
    seed: int
    diverged: frozenset[int] = frozenset()
    moment: Moment | None = None
    before: Mapping[str, np.ndarray] = MappingProxyType({})
    first: torch.Tensor | None = None
    past: Past | None = None

    @property
    def alive(self) -> list[int]:
        """The runs that go on."""
        return [run for run in range(len(self.theta)) if run not in self.diverged]


@dataclass(frozen=True)
class Measurement:
    """What a probe gives back.

    Attributes:
        arrays: named arrays, for the record.
        info: numbers and text, for the record.
        carry: what the next planned measurement of this probe on this lane finds in
            `Sight.before`: a warm start. It is kept with the session, not on record.
    """

    arrays: Mapping[str, np.ndarray]
    info: Mapping[str, Any]
    carry: Mapping[str, np.ndarray] = field(default_factory=dict)


class Probe(ABC):
    """A measurement made every few steps.

    A probe of scope "lane" sees one lane; one of scope "lanes" sees all of them at the same step.
    What it measures follows from what it sees and its knobs alone, so that a run gives the same
    record however fast it goes: no clock, and no memory but what it says it leaves for the next
    measurement (`Measurement.carry`).
    """

    scope: ClassVar[str] = "lane"
    looks_inside: ClassVar[bool] = False  # whether it needs `Sight.moment`; for scope "lane" only
    looks_back: ClassVar[bool] = False  # whether it needs `Sight.first`
    by_hand: ClassVar[bool] = False  # whether it takes so long that it is best asked for by hand
    tracks: ClassVar[tuple[Series, ...]] = ()  # what of its info is drawn against steps

    @abstractmethod
    def measure(self, problem: Problem, sight: Any) -> Steps[Measurement]:
        """Measure, a slice at a time.

        Args:
            problem: the problem of the session.
            sight: a `Sight`, or for scope "lanes" a mapping lane -> `Sight`, in the lanes' order.

        Returns:
            A generator that yields progress and returns the measurement.
        """

    def forecast(self, problem: Problem, sight: Any) -> Steps[Cost] | None:
        """What a measurement will take, told before one that is asked for by hand.

        Override it where it may take long.

        Args:
            problem: as for `measure`.
            sight: as for `measure`.

        Returns:
            A generator that rehearses a slice at a time and returns the cost; None where the
            measurement is done in no time.
        """
        return None

    def ready(self, sight: Any) -> bool:
        """Whether there is something to measure: any run that goes on. Override to ask for more.

        Args:
            sight: as for `measure`.
        """
        sights = sight.values() if isinstance(sight, Mapping) else [sight]
        return any(one.alive for one in sights)

    @classmethod
    def unfit(cls, problem: Problem) -> str:
        """Why this probe cannot measure a problem, as a sentence; empty if it can."""
        return ""

    def misfit(self, problem: Problem) -> str:
        """The same with its knobs as they are. Override where knobs ask for more."""
        return self.unfit(problem)

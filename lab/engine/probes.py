"""Probes: when an analysis runs along a session, and what it adds to the recording."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch

from lab.engine.analysis.base import Steps
from lab.engine.problem import Problem


class Sight(NamedTuple):
    """What a probe sees of a lane at a step.

    Attributes:
        theta: (runs, dim).
        knobs: the live knobs' values, name -> (runs,).
        seed: the experiment's seed, for a probe's own random directions.
    """

    theta: torch.Tensor
    knobs: Mapping[str, np.ndarray]
    seed: int


@dataclass(frozen=True)
class Measurement:
    """What a probe gives back: named arrays, and numbers or text."""

    arrays: Mapping[str, np.ndarray]
    info: Mapping[str, Any]


class Probe(ABC):
    """A measurement made every few steps.

    A probe of scope "lane" sees one lane; one of scope "lanes" sees all of them at the same step.
    """

    scope: ClassVar[str] = "lane"

    @abstractmethod
    def measure(self, problem: Problem, sight: Any) -> Steps[Measurement]:
        """Measure, a slice at a time.

        Args:
            problem: the problem of the session.
            sight: a `Sight`, or for scope "lanes" a mapping lane -> `Sight`.

        Returns:
            A generator that yields progress and returns the measurement.
        """

    @classmethod
    def unfit(cls, problem: Problem) -> str:
        """Why this probe cannot measure a problem, as a sentence; empty if it can."""
        return ""

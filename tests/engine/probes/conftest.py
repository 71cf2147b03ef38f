"""What probes see, and a way to run them."""

import numpy as np
import pytest
import torch

from lab.engine.analysis.base import finish
from lab.engine.probes import Sight


@pytest.fixture
def see():
    """Make a Sight of points (runs, dim), knobs and diverged runs."""

    def make(theta, seed=0, diverged=(), **knobs):
        rows = torch.as_tensor(np.atleast_2d(theta))
        values = {name: np.broadcast_to(value, len(rows)) for name, value in knobs.items()}
        return Sight(rows, values, seed, frozenset(diverged))

    return make


@pytest.fixture
def measured():
    """Run a probe to its end: its measurement, with the number of slices it took."""

    def run(probe, problem, sight):
        assert probe.ready(sight)
        slices = []
        found = finish(probe.measure(problem, sight), slices.append)
        assert all(isinstance(array, np.ndarray) for array in found.arrays.values())
        plain = (bool, int, float, str)
        assert all(isinstance(value, plain) for value in found.info.values())
        return found, len(slices)

    return run

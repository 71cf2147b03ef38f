"""The sharpness probe, against the analyses that it is made of."""

import numpy as np
import pytest

import lab
from lab.engine.probes import SharpnessProbe

A = lab.analysis
MOONS = lab.problem("moons_mlp", samples=40, widths=(6,))
THETA = np.random.default_rng(0).normal(size=MOONS.dim)


def test_all_kinds(see, measured):
    probe = SharpnessProbe(radius=0.1, steps=3, adaptive_radius=0.4, m=8, groups=3, pairs=9)
    found, slices = measured(probe, MOONS, see(THETA, seed=4))
    info = found.info
    assert info["sam"] == A.worst_rise(MOONS, THETA, 0.1, steps=3).value
    assert info["adaptive"] == A.worst_rise(MOONS, THETA, 0.4, steps=3, adaptive=True).value
    parts = A.worst_rise(MOONS, THETA, 0.1, 8, 3, groups=3, seed=4)
    assert (info["m_sharpness"], info["m_sharpness_error"]) == (parts.value, parts.error)
    assert parts.error > 0
    np.testing.assert_array_equal(found.arrays["rises"], parts.rises)
    mean = A.mean_rise(MOONS, THETA, 0.1, 9, seed=4)
    assert (info["mean"], info["mean_error"]) == (mean.value, mean.error)
    assert slices >= 4
    assert {series.key for series in probe.tracks} <= set(info)


def test_only_what_is_asked_for_and_there(see, measured):
    probe = SharpnessProbe(adaptive_radius=0, pairs=0, m=4)
    found, _ = measured(probe, lab.problem("himmelblau"), see([[1.0, 2.0]]))
    assert set(found.info) == {"run", "radius", "sam"}
    assert found.info["sam"] > 0


def test_the_first_run_that_goes_on(see, measured):
    points = [[np.nan, np.nan], [3.0, 2.0]]
    found, _ = measured(SharpnessProbe(), lab.problem("himmelblau"), see(points, diverged=[0]))
    assert found.info["run"] == 1
    assert found.info["sam"] == pytest.approx(0, abs=1e-12)  # a minimum: no way is up
    assert found.info["mean"] > 0

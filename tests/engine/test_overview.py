import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lab.engine.overview import BATCH, BUCKET, Curve, Overview, joined, summary

losses = st.floats(-1e6, 1e6) | st.sampled_from([np.nan, np.inf, -np.inf])


def quantiles(row):
    """The naive summary of one step."""
    row = row[np.isfinite(row)]
    return np.quantile(row, [0.1, 0.5, 0.9]) if len(row) else np.full(3, np.nan)


@given(arrays(np.float64, st.tuples(st.integers(0, 6), st.integers(1, 9)), elements=losses))
def test_the_summary_of_a_step_is_three_quantiles_of_the_runs_that_are_left(rows):
    expected = np.array([quantiles(row) for row in rows]).reshape(-1, 3)
    np.testing.assert_allclose(summary(rows), expected, rtol=1e-9, atol=1e-9)


def overview_of(rows, first=0, blocks=7):
    overview = Overview(first)
    for block in np.array_split(rows, blocks):
        overview.append(block)
    return overview


@settings(deadline=None)
@given(
    st.integers(0, 3000),
    st.integers(1, 3),
    st.integers(0, 99),
    st.integers(1, 40),
    st.integers(1, 30),
    st.data(),
)
def test_every_bucket_has_the_extremes_of_its_steps(count, runs, first, points, blocks, data):
    rng = np.random.default_rng(count)
    rows = rng.normal(size=(count, runs)).astype(np.float32)
    rows[rng.random(rows.shape) < 0.02] = np.nan
    overview = overview_of(rows, first, blocks)
    start = data.draw(st.integers(0, first + count))
    stop = data.draw(st.integers(start, first + count))
    found = overview.curve(start, stop, points)
    if found is None:
        assert stop - max(start, first) < BUCKET * points
        return
    curve, end = found
    if not len(curve.steps):
        return
    three = summary(rows).astype(np.float32)
    width = int(curve.steps[2] - curve.steps[0]) if len(curve.steps) > 2 else end - curve.steps[0]
    assert not width % BUCKET
    assert curve.steps[0] <= max(start, first) < curve.steps[0] + width
    assert end <= stop < end + width + BATCH + BUCKET  # nothing after it, and nearly all of it
    assert len(curve.steps) / 2 <= 4 * points + 1
    for place in range(0, len(curve.steps), 2):
        at = curve.steps[place]
        part = three[at - first : at - first + width]
        assert curve.steps[place + 1] == at + width // 2
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of numpy, where all are NaN
            low, high = np.nanmin(part, axis=0), np.nanmax(part, axis=0)
        expected = [[low[0], low[0]], [low[1], high[1]], [high[2], high[2]]]
        got = [part[place : place + 2] for part in (curve.low, curve.middle, curve.high)]
        np.testing.assert_array_equal(got, expected)


def test_a_spike_is_seen_from_any_distance():
    rows = np.zeros((200_000, 1), dtype=np.float32)
    rows[123_456] = 7
    overview = overview_of(rows)
    for points in (10, 100, 1000):
        curve, _ = overview.curve(0, len(rows), points)
        assert curve.high.max() == 7
        assert len(curve.steps) <= 8 * points + 2


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_what_cannot_be_drawn_makes_no_noise(value):
    rows = np.full((BATCH, 3), value)
    curve, end = overview_of(rows).curve(0, len(rows), 1)
    assert end == len(rows)
    assert not np.isfinite(curve.middle).any()


def test_memory_grows_with_the_buckets_and_not_with_the_blocks():
    overview = Overview()
    for _ in range(4096):
        overview.append(np.zeros((BUCKET, 1), dtype=np.float32))
    assert overview.nbytes <= 2 * 4096 * 16


def test_curves_are_joined():
    one = Curve(*[np.array([1.0])] * 4)
    two = Curve(*[np.array([2.0, 3.0])] * 4)
    assert [part.tolist() for part in joined([one, two])] == [[1, 2, 3]] * 4

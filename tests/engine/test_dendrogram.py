"""The tree of basins as it is drawn."""

import numpy as np
import pytest

from lab import analysis
from lab.engine.dendrogram import at_edge, branches, kept, pooled


def tree(values, least=0.0):
    found = analysis.basins(values)
    shown = kept(found.birth, found.death, least)
    top = float(np.nanmax(values))
    return found, shown, branches(found.birth, found.death, found.elder, shown, top)


def test_a_line_of_valleys():
    _, _, drawn = tree([5.0, 0.0, 4.0, 2.0, 3.0, 1.0, 6.0])
    assert [branch.row for branch in drawn] == [0, 1, 2]
    assert [branch.x for branch in drawn] == [0, 1, 2]
    assert [(branch.low, branch.high) for branch in drawn] == [(0, 6), (1, 4), (2, 3)]
    assert np.isnan(drawn[0].elder)
    assert [branch.elder for branch in drawn[1:]] == [0, 1]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("least", [0.0, 1.5])
def test_no_two_lines_cross(seed, least):
    values = np.random.default_rng(seed).normal(size=(13, 12))
    if seed == 5:
        values[6] = np.inf  # two pieces, each a tree
    found, shown, drawn = tree(values, least)
    assert {branch.row for branch in drawn} == set(np.flatnonzero(shown))
    assert [branch.x for branch in drawn] == list(range(shown.sum()))
    for one in drawn:
        if np.isnan(one.elder):
            continue
        left, right = sorted((one.x, one.elder))
        for other in drawn:
            if left < other.x < right:
                assert not other.low <= one.high < other.high
    joined = {branch.x: branch.elder for branch in drawn}
    rows = {branch.x: branch.row for branch in drawn}
    for x, elder in joined.items():
        if not np.isnan(elder):
            assert rows[elder] == found.elder[rows[x]]


def test_the_area_of_what_is_hidden_is_that_of_what_it_joins():
    found = analysis.basins(np.random.default_rng(1).normal(size=(15, 15)))
    shown = kept(found.birth, found.death, 1.5)
    area = pooled(found.area, found.death, found.elder, shown)
    assert area.sum() == 225
    assert (area[~shown] == 0).all()
    assert (area[shown] >= found.area[shown]).all()
    assert np.array_equal(pooled(found.area, found.death, found.elder, shown | True), found.area)


def test_minima_at_the_edge():
    minima = np.array([[0.0, 0.5], [0.2, 0.3], [0.7, 1.0]])
    window = np.array([[0.0, 1.0], [0.0, 1.0]])
    assert at_edge(minima, window).tolist() == [True, False, True]


def test_a_long_chain():
    heights = np.zeros(2401)
    heights[1::2] = np.arange(1200, 0, -1)
    heights[::2] = -np.arange(1201) / 1e4
    _, _, drawn = tree(heights)
    assert len(drawn) == 1201

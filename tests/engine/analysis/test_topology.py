import itertools

import numpy as np
import pytest

from lab import analysis

HIMMELBLAU = "R5_unionfind_conn8_cols_birth_death_iymin_ixmin_iysad_ixsad"


def himmelblau():
    x, y = np.meshgrid(*[np.linspace(-6, 6, 401)] * 2)
    return x, y, (x * x + y - 11) ** 2 + (x + y * y - 7) ** 2


def naive(values):
    """The textbook algorithm: points in order, joined to all neighbours that came before."""
    values = np.asarray(values, dtype=float)
    order = sorted((v, i) for i, v in enumerate(values.ravel()) if not np.isnan(v) and v != np.inf)
    rank = {i: r for r, (_, i) in enumerate(order)}
    parent, pairs = {}, []

    def root(i):
        while parent[i] != i:
            i = parent[i]
        return i

    for value, i in order:
        parent[i] = i
        place = np.unravel_index(i, values.shape)
        for offset in itertools.product((-1, 0, 1), repeat=values.ndim):
            near = tuple(p + o for p, o in zip(place, offset, strict=True))
            if not all(0 <= p < n for p, n in zip(near, values.shape, strict=True)):
                continue
            j = int(np.ravel_multi_index(near, values.shape))
            if j in parent and root(j) != root(i):
                older, younger = sorted((root(i), root(j)), key=rank.get)
                parent[younger] = older
                pairs.append((values.ravel()[younger], value))
    pairs += [(values.ravel()[i], np.inf) for i in parent if parent[i] == i]
    return sorted((b, d) for b, d in pairs if d > b)


@pytest.mark.parametrize(
    ("key", "amplitude"),
    [(HIMMELBLAU, 0), ("R5_ripple_A2_w12_pairs", 2), ("R5_ripple_A10_w12_pairs", 10)],
)
def test_reference_landscapes_with_places_of_minima_and_saddles(numbers, key, amplitude):
    x, y, values = himmelblau()
    found = analysis.basins(values + amplitude * np.sin(12 * x) * np.sin(12 * y))
    rows = np.column_stack([found.birth, found.death, found.minimum, found.saddle])
    wanted = numbers[key]
    rows, wanted = (table[np.lexsort(table.T[::-1])] for table in (rows, wanted))
    np.testing.assert_allclose(rows, wanted, rtol=1e-12)


def test_superlevel_sets_against_gudhi(numbers):
    pairs = analysis.persistence(-himmelblau()[2])
    wanted = numbers["R5_gudhi_topcells_superlevel_H0_of_minusF"]
    np.testing.assert_allclose(pairs[np.lexsort(pairs.T)], wanted[np.lexsort(wanted.T)], rtol=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_noise_against_the_textbook(seed):
    rng = np.random.default_rng(seed)
    shape = [(30,), (9, 11), (1, 14), (4, 5, 6)][seed % 4]
    values = rng.normal(size=shape)
    if seed % 3 == 1:
        values = np.round(values * 2)  # plateaus
    if seed % 3 == 2:
        values[rng.random(shape) < 0.3] = rng.choice([np.nan, np.inf])
    found = analysis.persistence(values)
    assert sorted(map(tuple, found)) == naive(values)
    depths = found[:, 1] - found[:, 0]
    assert (np.diff(depths[np.isfinite(depths)]) <= 0).all()


def test_simple_landscapes():
    assert analysis.persistence([3.0, 1.0, 2.0, 0.0, 5.0]).tolist() == [[0, np.inf], [1, 2]]
    assert analysis.persistence(np.ones((4, 4))).tolist() == [[1, np.inf]]
    assert analysis.persistence(np.full((2, 2), np.nan)).shape == (0, 2)
    with pytest.raises(ValueError, match="at least one axis"):
        analysis.persistence(3.0)

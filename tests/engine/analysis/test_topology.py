import itertools

import numpy as np
import pytest

from lab import analysis

HIMMELBLAU = "R5_unionfind_conn8_cols_birth_death_iymin_ixmin_iysad_ixsad"


def himmelblau():
    x, y = np.meshgrid(*[np.linspace(-6, 6, 401)] * 2)
    return x, y, (x * x + y - 11) ** 2 + (x + y * y - 7) ** 2


def naive(values, connectivity=8):
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
            if connectivity == 4 and sum(map(abs, offset)) > 1:
                continue
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
    ("key", "amplitude", "connectivity"),
    [
        (HIMMELBLAU, 0, 8),
        (HIMMELBLAU.replace("conn8", "conn4"), 0, 4),
        ("R5_ripple_A2_w12_pairs", 2, 8),
        ("R5_ripple_A10_w12_pairs", 10, 8),
    ],
)
def test_reference_landscapes_with_places_of_minima_and_saddles(
    numbers, key, amplitude, connectivity
):
    x, y, values = himmelblau()
    values = values + amplitude * np.sin(12 * x) * np.sin(12 * y)
    found = analysis.basins(values, connectivity)
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
    connectivity = 4 if seed % 5 == 4 else 8
    found = analysis.persistence(values, connectivity)
    assert sorted(map(tuple, found)) == naive(values, connectivity)
    depths = found[:, 1] - found[:, 0]
    assert (np.diff(depths[np.isfinite(depths)]) <= 0).all()


def test_simple_landscapes():
    assert analysis.persistence([3.0, 1.0, 2.0, 0.0, 5.0]).tolist() == [[0, np.inf], [1, 2]]
    assert analysis.persistence(np.ones((4, 4))).tolist() == [[1, np.inf]]
    assert analysis.persistence(np.full((2, 2), np.nan)).shape == (0, 2)
    with pytest.raises(ValueError, match="at least one axis"):
        analysis.persistence(3.0)
    with pytest.raises(ValueError, match="connectivity = 6"):
        analysis.persistence(np.ones((2, 2)), 6)
    with pytest.raises(ValueError, match="one or two"):
        analysis.barcode(np.ones((2, 2, 2)))


# -- basins ------------------------------------------------------------------------------------


def test_mean_depth_of_himmelblau():
    assert analysis.basins(himmelblau()[2]).smad == pytest.approx(61.67313, abs=1e-5)
    assert np.isnan(analysis.basins([3.0, 1.0, 2.0]).smad)


@pytest.mark.parametrize("seed", range(4))
def test_areas_of_basins_against_floods_and_walks(seed):
    """Below: a flood up to just under the saddle. Area: every point walks down by itself."""
    ndimage = pytest.importorskip("scipy.ndimage")
    values = np.random.default_rng(seed).normal(size=(12, 15))
    values = ndimage.gaussian_filter(values, 1.0)
    found = analysis.basins(values)
    for row in range(len(found.birth)):
        pool = ndimage.label(values < found.death[row], np.ones((3, 3)))[0]
        own = pool == pool[tuple(found.minimum[row])]
        assert found.below[row] == own.sum()
    drained = dict.fromkeys(map(tuple, found.minimum.tolist()), 0)
    for iy, ix in np.ndindex(values.shape):
        while True:
            ys, xs = slice(max(0, iy - 1), iy + 2), slice(max(0, ix - 1), ix + 2)
            near = np.unravel_index(values[ys, xs].argmin(), values[ys, xs].shape)
            lowest = (ys.start + near[0], xs.start + near[1])
            if lowest == (iy, ix):
                break
            iy, ix = lowest
        drained[iy, ix] += 1
    assert list(drained.values()) == found.area.tolist()


def test_a_basin_joins_that_of_the_lowest_minimum_beside_it():
    found = analysis.basins([5.0, 0.0, 4.0, 2.0, 3.0, 1.0, 6.0])
    assert found.birth.tolist() == [0, 1, 2]
    assert found.death.tolist() == [np.inf, 4, 3]
    assert found.elder.tolist() == [-1, 0, 1]
    assert found.area.tolist() == [3, 3, 1]
    assert found.below.tolist() == [7, 3, 1]


# -- barcode -----------------------------------------------------------------------------------


def sorted_pairs(pairs):
    return pairs[np.lexsort(np.asarray(pairs).T)]


@pytest.mark.parametrize("connectivity", [8, 4])
def test_barcode_of_himmelblau(numbers, connectivity):
    kind = {8: "topcells", 4: "vertices"}[connectivity]
    found = analysis.barcode(himmelblau()[2], connectivity=connectivity)
    wanted = numbers[f"R5_gudhi_{kind}_H0"]
    np.testing.assert_allclose(sorted_pairs(found.h0), sorted_pairs(wanted), rtol=1e-9)
    np.testing.assert_allclose(found.h1, numbers[f"R5_gudhi_{kind}_H1"], rtol=1e-9)
    np.testing.assert_allclose(found.h1, [[178.33555361, 181.61612642]], rtol=1e-9)


def test_superlevel_barcode_of_himmelblau(numbers):
    found = analysis.barcode(himmelblau()[2], superlevel=True)
    wanted = -numbers["R5_gudhi_topcells_superlevel_H0_of_minusF"]
    np.testing.assert_allclose(sorted_pairs(found.h0), sorted_pairs(wanted), rtol=1e-9)
    deepest = analysis.barcode(himmelblau()[2], connectivity=4).h0[1:]
    # all but the deepest basin are holes of what lies above, the other way round
    assert {tuple(pair[::-1]) for pair in deepest} <= {tuple(pair) for pair in found.h1}


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("connectivity", [8, 4])
@pytest.mark.parametrize("superlevel", [False, True])
def test_barcode_against_gudhi(seed, connectivity, superlevel):
    gudhi = pytest.importorskip("gudhi")
    values = np.random.default_rng(seed).normal(size=(9, 11))
    if seed == 1:
        values = np.round(values)
    if seed == 2 and not superlevel:
        values[3:5, 4:7] = np.inf
    given = -values if superlevel else values
    key = "top_dimensional_cells" if connectivity == 8 else "vertices"
    cubes = gudhi.CubicalComplex(**{key: given})
    cubes.compute_persistence()
    found = analysis.barcode(values, superlevel, connectivity)
    for degree, pairs in enumerate((found.h0, found.h1)):
        wanted = np.reshape(cubes.persistence_intervals_in_dimension(degree), (-1, 2))
        wanted = wanted[wanted[:, 1] > wanted[:, 0]]
        pairs = -pairs if superlevel else pairs
        np.testing.assert_array_equal(sorted_pairs(pairs), sorted_pairs(wanted))


def test_holes():
    ring = np.array([[0.0, 1, 0], [1, 5, 2], [0, 1, 0]])
    assert analysis.barcode(ring, connectivity=4).h1.tolist() == [[2, 5]]
    assert analysis.barcode(ring).h1.tolist() == [[2, 5]]
    ring[1, 1] = np.nan
    assert analysis.barcode(ring).h1.tolist() == [[2, np.inf]]
    assert analysis.barcode([1.0, 0.0, 2.0]).h1.shape == (0, 2)


# -- merge tree --------------------------------------------------------------------------------


def test_merge_tree_of_himmelblau():
    tree = analysis.merge_tree(himmelblau()[2])
    assert tree.kind.tolist() == [0] * 4 + [1] * 3 + [2]
    found = analysis.basins(himmelblau()[2])
    assert sorted(tree.value[:4]) == sorted(found.birth)
    np.testing.assert_allclose(tree.value[4:7], [13.31252402, 67.71948497, 104.02115057])
    assert tree.value[7] == himmelblau()[2].max()
    assert tree.parent[4:].tolist() == [5, 6, 7, -1]
    level = himmelblau()[2][tuple(tree.place.T)]
    assert (level == tree.value).all()


@pytest.mark.parametrize("seed", range(6))
def test_merge_trees_are_trees_whose_joins_are_the_deaths(seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(14, 11))
    if seed % 2:
        values = np.round(2 * values)
    if seed % 3 == 2:
        values[5] = np.nan  # in two pieces
    superlevel = seed == 4
    tree = analysis.merge_tree(values, superlevel)
    pairs = analysis.persistence(-values if superlevel else values)
    sign = -1 if superlevel else 1
    leaf, join, root = (tree.kind == kind for kind in range(3))
    assert sorted(sign * tree.value[leaf]) == sorted(pairs[:, 0])
    assert sorted(sign * tree.value[join]) == sorted(pairs[np.isfinite(pairs[:, 1]), 1])
    assert root.sum() == (1 if seed % 3 != 2 else 2)
    under = np.bincount(tree.parent[tree.parent >= 0], minlength=len(tree.kind))
    assert (under[leaf] == 0).all()
    assert (under[join] == 2).all()
    assert (under[root] == 1).all()
    inner = tree.parent >= 0
    assert (tree.parent[inner] > np.flatnonzero(inner)).all()
    assert (sign * (tree.value[tree.parent[inner]] - tree.value[inner]) >= 0).all()
    pruned = analysis.merge_tree(values, superlevel, least=1.0)
    assert (pruned.kind == 0).sum() == (pairs[:, 1] - pairs[:, 0] >= 1.0).sum()

import numpy as np
import pytest

from lab import analysis


def test_planted_outliers_are_counted():
    draws = np.random.default_rng(0)
    bulk = np.concatenate([draws.uniform(0.5, 1.0, 150), -draws.uniform(0, 0.3, 50)])
    for count in (1, 3, 9, 15):
        planted = np.linspace(4, 20, count) if count > 1 else np.array([8.0])
        mixed = draws.permutation(np.concatenate([planted, bulk]))
        found = analysis.outliers(mixed)
        assert found.count == count
        np.testing.assert_array_equal(found.values, np.sort(planted)[::-1])
        assert found.ratio == pytest.approx(planted.min() / bulk.max())
        assert bulk.max() < found.edge < planted.min()


def test_the_gaps_of_networks_on_digits(numbers):
    """R6c: the widest gap among the 20 largest, for nets of 2 to 10 classes."""
    table = numbers["R6c_digits_cols_K_steps_P_loss_gapIndex_gapRatio_top14_median_min"]
    seen = 0
    for row in table:
        index, ratio, top = int(row[4]), row[5], row[6:20]
        if index < 14:
            found = analysis.outliers(top)
            assert found.count == index
            assert found.ratio == pytest.approx(ratio, rel=1e-9)
            seen += 1
    assert seen >= 10
    last = {int(row[0]): int(row[4]) for row in table if row[1] == table[:, 1].max()}
    assert last[10] == 10


def test_three_blobs(numbers):
    found = analysis.outliers(numbers["R6c_eigH"])
    top = np.sort(numbers["R6c_eigH"])[::-1][:20]
    assert found.count == 1 + np.argmax(top[:-1] / top[1:])


def test_without_positive_eigenvalues_there_are_none():
    for values in ([-1.0, -2.0], [3.0], [0.0, 0.0], [np.nan, 1.0]):
        found = analysis.outliers(np.array(values))
        assert found.count == 0
        assert np.isnan(found.ratio)
        assert found.values.shape == (0,)


def test_bad_input():
    with pytest.raises(ValueError, match="one row of eigenvalues"):
        analysis.outliers(np.eye(3))
    with pytest.raises(ValueError, match="largest = 1"):
        analysis.outliers(np.ones(3), largest=1)

import numpy as np
import pytest

from lab.engine.export.figures import drawings
from lab.engine.export.spectrum import kinds, spectrum
from lab.engine.export.style import Style
from lab.engine.recording import Result

STYLE = Style()


@pytest.fixture
def with_batches(network):
    """A result with mini-batches, of a block of another matrix."""
    grid = np.linspace(-1, 5, 50)
    density = np.exp(-(grid**2) / 0.1)
    arrays = {"eigenvalues": np.array([4.0, 3.0, 0.5]), "grid": grid, "density": density}
    arrays |= {"low": density / 2, "high": 2 * density, "error": density / 4}
    arrays |= {"batch_largest": np.array([[4.5, 3.0], [6.0, 3.5]])}
    arrays |= {"batch_smallest": np.array([-0.5, -0.7])}
    info = {
        "exact": False,
        "operator": "ggn",
        "layer": "2.weight",
        "outliers": 2,
        "outlier_edge": 1.2,
        "classes": 2,
        "batch_size": 32,
        "predicted_lambda_max": 4.2,
        "predicted_lambda_min": -0.6,
        "local_lambda_max": 4.9,
        "noise_edge": 0.6,
    }
    result = Result("hessian_spectrum", "SGD", 13, arrays, info)
    network.results.append(result)
    yield network
    network.results.remove(result)


def test_batches_and_predictions_beside_the_density(with_batches):
    kind = ("ggn", "2.weight")
    assert kind in kinds(with_batches, "SGD")
    axes = spectrum(with_batches, "SGD", 13, STYLE, kind).axes[0]
    assert "Gauss–Newton" in axes.get_title("left")
    assert "2.weight" in axes.get_title("left")
    assert "2 outliers, 2 classes" in axes.get_title("right")
    lines = {line.get_label(): line.get_xdata() for line in axes.lines}
    np.testing.assert_allclose(lines["batches of 32"], [4.5, 6.0, -0.5, -0.7])
    np.testing.assert_allclose(lines["predicted, noise without directions"], [4.2, -0.6])
    np.testing.assert_allclose(lines["predicted along the eigenvectors"], [4.9])
    upright = [line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == "--"]
    assert sorted(upright) == [-0.6, 0.6]
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert len(texts) == 3


def test_one_figure_for_each_matrix(with_batches):
    names = [one.name for one in drawings(with_batches, ["spectrum"], 13, STYLE, ["SGD"], None)]
    assert names == ["spectrum-SGD", "spectrum-SGD-ggn-2.weight", "eigenvalues"]


def test_a_spectrum_without_decades_has_room_for_batches(with_batches):
    result = with_batches.results[-1]
    arrays = {key: value for key, value in result.arrays.items() if key != "grid"}
    few = Result("hessian_spectrum", "SGD", 14, arrays, {**result.info, "exact": True})
    with_batches.results.append(few)
    try:
        axes = spectrum(with_batches, "SGD", 14, STYLE, ("ggn", "2.weight")).axes[0]
    finally:
        with_batches.results.remove(few)
    assert axes.get_yscale() == "linear"
    assert "all of them" in axes.get_title("right")

"""Grounds of the landscape: where points fall, and when another plane is looked for."""

import numpy as np
import pytest

from lab.engine.analysis.plane import Plane
from lab.gui.views.ground import FIRST_STEPS, NativeGround, PlaneGround, bilinear


def test_outgrown_by_doubling_while_it_runs_and_at_once_where_it_ended(plane):
    ground = PlaneGround("pca", "sgd", 0, 40, plane)
    assert not ground.outgrown(79, growth=2.0)
    assert ground.outgrown(80, growth=2.0)
    assert not ground.outgrown(49, growth=1.25)
    assert ground.outgrown(50, growth=1.25)
    assert ground.outgrown(41, growth=1.0)
    assert not ground.outgrown(40, growth=1.0)


def test_not_outgrown_in_its_first_steps_nor_before_it_is_there(plane):
    young = PlaneGround("pca", "sgd", 0, 0, plane)
    assert not young.outgrown(FIRST_STEPS - 1, growth=2.0)
    assert young.outgrown(FIRST_STEPS, growth=2.0)
    assert not PlaneGround("pca", "sgd", 0, 0).outgrown(1000, growth=1.0)


def test_native_ground_is_never_outgrown():
    assert not native(2).outgrown(1000, growth=1.0)


def native(dim: int) -> NativeGround:
    window = ((-2.0, 1.0), (-3.0, 4.0))[:dim]
    return NativeGround({"dim": dim, "names": ["x", "y"][:dim], "window": window})


def test_native_ground_is_the_variables_themselves():
    ground = native(2)
    theta = np.array([[0.5, -1.0]])
    assert np.array_equal(ground.place(theta, np.zeros(1)), theta)
    assert ground.titles == ("x", "y")
    assert ground.off(theta[0]) == 0
    assert ground.request(((0.0, 1.0), (0.0, 2.0)))["window"] == ((0.0, 1.0), (0.0, 2.0))
    assert ground.request(None)["window"] == ground.window


def test_one_variable_is_drawn_with_its_loss():
    ground = native(1)
    place = ground.place(np.array([[0.5], [0.7]]), np.array([3.0, 4.0]))
    assert place.tolist() == [[0.5, 3.0], [0.7, 4.0]]
    assert ground.titles == ("x", "loss")
    assert ground.request(((-1.0, 1.0), (0.0, 9.0)))["window"] == ((-1.0, 1.0),)


def test_points_cast_their_shadow_on_a_plane(plane):
    ground = PlaneGround("random", "sgd", 0, 7, plane)
    theta = np.array([[1.0, 2.0, 5.0]])
    assert ground.place(theta, np.zeros(1))[0] == pytest.approx([1.0, 2.0])
    assert ground.off(theta[0]) == pytest.approx(5.0)
    wanted = ground.request(((0.0, 1.0), (0.0, 1.0)))
    assert wanted["on"] is plane
    assert "window" not in ground.request(None)
    assert "at step 7" in ground.text


def test_a_plane_on_its_way_has_no_points():
    ground = PlaneGround("pca", "sgd", 0, 0)
    assert np.isnan(ground.place(np.zeros((4, 2, 9)), np.zeros((4, 2)))).all()
    assert np.isnan(ground.off(np.zeros(9)))
    assert ground.text == "computing …"
    assert "on" not in ground.request(((0.0, 1.0), (0.0, 1.0)))


def test_bilinear_is_exact_for_products_and_nan_outside():
    x, y = np.linspace(-1, 2, 7), np.linspace(0, 3, 5)
    loss = (2 + 3 * x[None, :]) * (1 - y[:, None])
    for at in ((-1.0, 0.0), (2.0, 3.0), (0.33, 1.7), (1.99, 0.01)):
        assert bilinear(x, y, loss, at) == pytest.approx((2 + 3 * at[0]) * (1 - at[1]))
    assert np.isnan(bilinear(x, y, loss, (2.01, 1.0)))
    assert np.isnan(bilinear(x, y, loss, (0.0, -0.01)))


@pytest.fixture
def plane() -> Plane:
    """The first two of three parameters."""
    e1, e2 = np.eye(3)[:2]
    return Plane(np.zeros(3), e1, e2, "random", "two random directions")

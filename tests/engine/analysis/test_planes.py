"""Ways to lay a plane: what it holds, and what is refused."""

import numpy as np
import pytest
import torch

import lab
from lab import analysis

RNG = np.random.default_rng(0)
BOWL = lab.problem(lambda x: (x * x).sum(), dim=30)
BOOTH = lab.problem("booth")


def test_native_coordinates_are_the_variables_themselves():
    plane = analysis.native_plane(BOOTH)
    points = RNG.normal(size=(7, 2))
    assert (plane.coordinates(points) == points).all()
    assert (plane.off_plane(points) == 0).all()
    with pytest.raises(ValueError, match="needs 2 variables; this problem has 30"):
        analysis.native_plane(BOWL)


def test_random_planes_follow_seed_and_normalisation(w3, curvature):
    theta = curvature["W3_theta"]
    one, same, other = (analysis.random_plane(w3, theta, seed=seed) for seed in (0, 0, 1))
    assert (one.d1 == same.d1).all()
    assert (one.d1 != other.d1).any()
    rows = one.d1[:32].reshape(16, 2).norm(dim=1)
    torch.testing.assert_close(rows, torch.as_tensor(theta[:32].reshape(16, 2)).norm(dim=1))
    assert "filter-normalised" in one.text
    raw = analysis.random_plane(w3, theta, normalize=None)
    assert "not normalised" in raw.text
    assert raw.d1.std() == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize(("count", "dim"), [(12, 30), (400, 30)])
def test_principal_planes_against_singular_values(count, dim):
    path = np.cumsum(RNG.normal(size=(count, dim)), axis=0) * np.linspace(1, 3, dim)
    plane = analysis.pca_plane(BOWL, path)
    offsets = path - path.mean(axis=0)
    _, values, vectors = np.linalg.svd(offsets, full_matrices=False)
    for found, wanted in zip((plane.d1, plane.d2), vectors, strict=False):
        assert abs(found.numpy() @ wanted) == pytest.approx(1, abs=1e-9)
    np.testing.assert_allclose(plane.explained, (values**2 / (values**2).sum())[:2], rtol=1e-9)
    np.testing.assert_allclose(plane.center, path.mean(axis=0), rtol=1e-12)
    through = analysis.pca_plane(BOWL, path, center=path[-1])
    np.testing.assert_allclose(through.off_plane(path[-1]), 0, atol=1e-12)


@pytest.mark.parametrize(
    ("path", "rank", "text"),
    [
        (np.linspace(0, 1, 9)[:, None] * np.arange(1.0, 31), 1, "the second one random"),
        (np.ones((4, 30)), 0, "both random"),
        (np.ones((1, 30)), 0, "both random"),
    ],
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_degenerate_paths_get_random_directions_and_say_so(path, rank, text, dtype):
    plane = analysis.pca_plane(BOWL, path.astype(dtype))
    basis = torch.stack([plane.d1, plane.d2]).double()
    torch.testing.assert_close(basis @ basis.T, torch.eye(2).double(), atol=1e-6, rtol=0)
    assert text in plane.text
    np.testing.assert_allclose(plane.explained.sum(), rank, atol=1e-6)
    np.testing.assert_allclose(plane.off_plane(path.astype(dtype)), 0, atol=1e-5)


def test_diverged_points_of_a_path_are_left_out():
    path = RNG.normal(size=(6, 30))
    broken = np.concatenate([path, np.full((2, 30), np.nan)])
    assert (analysis.pca_plane(BOWL, broken).d1 == analysis.pca_plane(BOWL, path).d1).all()
    with pytest.raises(ValueError, match="finite point"):
        analysis.pca_plane(BOWL, broken[6:])


def test_a_plane_through_three_points_holds_them():
    points = RNG.normal(size=(3, 30))
    plane = analysis.plane_through(BOWL, *points)
    np.testing.assert_allclose(plane.off_plane(points), 0, atol=1e-12)
    found = plane.coordinates(points)
    np.testing.assert_allclose(found[0], 0, atol=1e-13)
    np.testing.assert_allclose(found[1], [np.linalg.norm(points[1] - points[0]), 0], atol=1e-12)
    with pytest.raises(ValueError, match="lie on one line"):
        analysis.plane_through(BOWL, points[0], points[1], 2 * points[1] - points[0])


def test_the_plane_of_top_eigenvectors(w3, curvature):
    plane = analysis.eigen_plane(w3, curvature["W3_theta"])
    for found, wanted in zip((plane.d1, plane.d2), curvature["W3_top10_vectors"], strict=False):
        assert abs(found @ wanted) == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(plane.scales, curvature["W3_top20_LM"][:2], rtol=1e-6)


@pytest.mark.parametrize(
    ("directions", "message"),
    [
        ([np.ones(30)], "two of length 30 are needed, not 1"),
        ([], r"directions = \[\]: rows of 30 numbers"),
        (3, "directions = 3: rows of 30 numbers"),
        ([np.ones(30), 2 * np.ones(30)], "lie on one line"),
        ([np.ones(30), np.zeros(30)], "direction 1 is zero"),
        ([np.ones(30), np.ones(29)], "shape"),
    ],
)
def test_bad_directions(directions, message):
    with pytest.raises(ValueError, match=message):
        analysis.given_plane(BOWL, np.zeros(30), directions)


def test_one_parameter_holds_no_plane():
    problem = lab.problem("diffgrad_f1")
    for make in (
        lambda: analysis.random_plane(problem, [0.5]),
        lambda: analysis.eigen_plane(problem, [0.5]),
        lambda: analysis.pca_plane(problem, [[0.5], [0.7]]),
        lambda: analysis.given_plane(problem, [0.5], ([1.0], [2.0])),
        lambda: analysis.surface(problem, [0.5]),
    ):
        with pytest.raises(ValueError, match="at least 2 parameters"):
            make()


def test_a_gradient_plane_has_the_gradient_and_what_the_move_adds(w3, curvature):
    theta, slope = curvature["W3_theta_init"], w3.gradient(curvature["W3_theta_init"])
    move = np.random.default_rng(0).normal(size=354)
    plane = analysis.gradient_plane(w3, theta, move)
    one, two = plane.d1.numpy(), plane.d2.numpy()
    np.testing.assert_allclose(one, slope / np.linalg.norm(slope), rtol=1e-12)
    rest = move - (move @ one) * one
    np.testing.assert_allclose(two, rest / np.linalg.norm(rest), atol=1e-12)
    assert "the gradient and the part of the last move across it" in plane.text
    step = 1e-4
    rise = (w3.value(theta + step * one) - w3.value(theta - step * one)) / (2 * step)
    assert rise == pytest.approx(np.linalg.norm(slope), rel=1e-6)
    for along, words in ((None, "no move yet"), (-3 * slope, "the last move goes along")):
        plane = analysis.gradient_plane(w3, theta, along)
        assert words in plane.text
        assert float(plane.d1 @ plane.d2) == pytest.approx(0, abs=1e-12)
        assert float(plane.d2.norm()) == pytest.approx(1)


def test_a_gradient_plane_where_there_is_no_gradient():
    plane = analysis.gradient_plane(lab.problem("rosenbrock"), [1.0, 1.0], [1.0, 2.0])
    assert "there is no gradient here" in plane.text
    basis = torch.stack([plane.d1, plane.d2])
    torch.testing.assert_close(basis @ basis.T, torch.eye(2, dtype=torch.float64))


def test_a_plane_says_what_biases_get(w3, curvature):
    theta = curvature["W3_theta"]
    left_out = analysis.random_plane(w3, theta)
    copied = analysis.random_plane(w3, theta, bias="code")
    assert "biases and norm layers left out" in left_out.text
    assert "biases and norm layers copied from theta" in copied.text
    name = next(name for name in w3.layout.names if name.endswith("bias"))
    assert not w3.layout.split(left_out.d1[None])[name].any()
    own = w3.layout.split(torch.tensor(theta)[None])[name]
    assert torch.equal(w3.layout.split(copied.d1[None])[name], own)

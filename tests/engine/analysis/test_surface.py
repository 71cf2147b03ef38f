import numpy as np
import pytest
import torch

import lab
from lab import analysis
from lab.engine.analysis import sampling
from lab.engine.analysis.base import to_numpy


@pytest.mark.parametrize(("name", "rtol"), [("w1", 1e-5), ("w3", 1e-9)])
def test_reference_surfaces(request, curvature, name, rtol):
    problem, key = request.getfixturevalue(name), name.upper()
    found = analysis.surface(
        problem,
        curvature[f"{key}_theta"],
        (curvature[f"{key}_dx"], curvature[f"{key}_dy"]),
        span=float(curvature["grid"][-1]),
        points=51,
        normalize=None,
        metrics=True,
    )
    np.testing.assert_allclose(found.loss, curvature[f"{key}_surface_loss"], rtol=rtol)
    accuracy = curvature[f"{key}_surface_acc"]
    near_a_tie = np.abs(found.metrics["accuracy"] - accuracy) > 1e-6  # rounding decides there
    assert near_a_tie.mean() <= (0.02 if name == "w1" else 0)
    np.testing.assert_allclose(found.metrics["accuracy"], accuracy, atol=2 / 1797)
    np.testing.assert_allclose(found.x, curvature["grid"], rtol=1e-6, atol=1e-7)
    assert (found.directions[0] == curvature[f"{key}_dx"]).all()
    assert (found.directions[1] == curvature[f"{key}_dy"]).all()


@pytest.mark.parametrize("name", ["w1", "w3"])
def test_reference_lines(request, curvature, name):
    problem, key = request.getfixturevalue(name), name.upper()
    for line, direction in (("dx", "_dx"), ("v1", "_top10_vectors")):
        along = np.atleast_2d(curvature[key + direction])[0]
        found = analysis.profile(
            problem,
            curvature[f"{key}_theta"],
            along,
            span=float(curvature["line"][-1]),
            points=len(curvature["line"]),
            normalize=None,
        )
        np.testing.assert_allclose(found.loss, curvature[f"{key}_line_{line}"], rtol=1e-5)


def test_directions_in_words(w3, curvature):
    theta = curvature["W3_theta"]
    path = theta + np.cumsum(np.random.default_rng(0).normal(size=(20, 354)), axis=0) / 50
    for kind, options in (("random", {}), ("pca", {"path": path}), ("eigen", {})):
        found = analysis.surface(w3, theta, kind, points=3, **options)
        assert found.plane.kind == kind
        assert found.loss[1, 1] == pytest.approx(w3.value(theta), rel=1e-12)
    along = analysis.surface(w3, theta, "eigen", span=1e-3, points=3)
    second = (along.loss[1, 0] - 2 * along.loss[1, 1] + along.loss[1, 2]) / 1e-6
    assert second == pytest.approx(curvature["W3_top20_LM"][0], rel=1e-3)


def test_filter_normalised_by_default(w3, curvature):
    theta = curvature["W3_theta"]
    found = analysis.surface(w3, theta, points=3, seed=5)
    plane = analysis.random_plane(w3, theta, "filter", seed=5)
    assert (found.directions[0] == plane.d1.numpy()).all()
    assert (analysis.surface(w3, theta, plane, points=3).loss == found.loss).all()


def test_native_surfaces_fill_the_window_of_the_problem_or_another():
    problem = lab.problem("himmelblau")
    found = analysis.native_surface(problem, points=(21, 11))
    assert (found.x[0], found.x[-1], found.y[0], found.y[-1]) == tuple(
        np.ravel(problem.window).astype(float)
    )
    near = analysis.native_surface(problem, ((2.0, 4.0), (1.0, 3.0)), 5)
    assert near.loss[2, 2] == pytest.approx(0, abs=1e-12)
    assert analysis.surface(problem, None, "native", span=4.0, points=9).loss[4, 4] == 170.0


def test_the_graph_of_a_function_of_one_variable():
    problem = lab.problem("diffgrad_f1")
    found = analysis.profile(problem, [0.0], [1.0], span=(-0.3, 0.7), points=11, normalize=None)
    np.testing.assert_allclose(found.x, np.linspace(-0.3, 0.7, 11), atol=1e-12)
    np.testing.assert_allclose(found.loss, problem.value(found.x[:, None]), rtol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"directions": "randon"}, "directions = 'randon' is not known .*'random'"),
        ({"directions": "pca"}, "needs path="),
        ({"directions": ([1.0, 0.0],)}, "two of length 2"),
        ({"center": [1.0, 2.0, 3.0]}, "shape"),
        ({"normalize": "fliter"}, "normalize = 'fliter'"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        analysis.surface(lab.problem("booth"), **{"center": [1.0, 2.0], **arguments})


def test_a_native_surface_needs_a_window():
    problem = lab.problem(lambda x: (x * x).sum(), dim=2)
    with pytest.raises(ValueError, match="window"):
        analysis.native_surface(problem)


@pytest.mark.parametrize("name", ["himmelblau", "moons_mlp"])
def test_a_surface_goes_on_from_what_is_known(name, monkeypatch):
    monkeypatch.setattr(sampling, "points_in_block", lambda *_: 37)
    problem = lab.problem(name)
    theta = problem.start([torch.Generator().manual_seed(0)])[0]
    plane = analysis.random_plane(problem, theta)
    options = {"points": (33, 21), "metrics": True}
    whole = analysis.surface(problem, theta, plane, **options)
    stops, parts = [], []

    def stop(report):
        parts.append(report.partial)
        if report.done > stops[-1] and report.partial is not None:
            raise analysis.Cancelled

    for share in (0.0, 0.3, 0.7):
        stops.append(share)
        known = parts[-1] if parts else None
        with pytest.raises(analysis.Cancelled):
            analysis.surface(problem, theta, plane, known=known, progress=stop, **options)
    known = to_numpy(parts[-1])
    assert 0.5 < known.known.mean() < 1
    asked = []
    done = analysis.surface(
        problem, theta, plane, known=known, progress=lambda r: asked.append(r.done), **options
    )
    assert asked[0] > known.known.mean()
    np.testing.assert_array_equal(done.loss, whole.loss)
    assert done.evaluations == whole.evaluations == 33 * 21
    for key, values in whole.metrics.items():
        np.testing.assert_array_equal(done.metrics[key], values)
    again = analysis.surface(problem, theta, plane, known=done, **options)
    np.testing.assert_array_equal(again.loss, whole.loss)
    np.testing.assert_array_equal(again.painted(), whole.loss)
    with pytest.raises(ValueError, match="the same plane and grid"):
        analysis.surface(problem, theta, plane, known=known, points=9)


def test_a_gradient_plane_in_a_word(w3, curvature):
    theta = curvature["W3_theta"]
    path = np.stack([theta - 1e-2, theta])
    found = analysis.surface(w3, theta, "gradient", path=path, points=3)
    plane = analysis.gradient_plane(w3, theta, path[1] - path[0])
    np.testing.assert_array_equal(found.directions[1], plane.d2.numpy())
    assert found.plane.kind == "gradient"

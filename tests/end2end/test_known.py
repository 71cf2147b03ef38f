"""Guided experiments whose answers are known: each is run, and held against its answer."""

import math

import numpy as np
import pytest
import torch

import lab
from lab.assets import guided_experiments
from lab.engine.device import threads


def deep_galerkin(recording):
    """The index rises and falls as in the paper; the lines go from slopes to bowls."""
    found = recording.probe("roughness")
    index, mean = (np.array([getattr(r, key) for r in found]) for key in ("index", "mean_tv_l"))
    assert index[0] < 0.02
    assert 0.15 < index.max() < 0.35
    assert index[-1] < 0.05
    assert mean[0] == pytest.approx(0.5, abs=0.01)
    assert 0.9 < mean[-1] < 1.0
    assert mean.max() < 1.01  # never rough
    assert recording.probe("evaluation")[-1].arrays["error"][0] < 1e-3


def deep_ritz(recording):
    """The energy comes to that of the best parabola, and the index stays up."""
    loss = recording.scalar("adam", "loss")[:, 0]
    assert loss[-1] == pytest.approx(-24 / math.pi**2, abs=1e-3)
    found = recording.probe("evaluation")[-1]
    assert found.excess_energy[0] == pytest.approx(loss[-1] + math.pi**2 / 4, abs=1e-5)
    index = [r.index for r in recording.probe("roughness")]
    assert index[0] < 0.02
    assert 0.06 < np.median(index[8:]) < 0.25
    assert max(index) > 0.12


def quadratic_spectrum(recording):
    """Eigenvalues 100 and 1 at every step, and the steps that follow from them."""
    turn = math.radians(30)
    along, across = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
    for lane, lr in (("at the edge", 0.019), ("careful", 0.005)):
        theta = recording.theta(lane)[:, 0]
        steps = np.arange(len(theta))
        start = np.array([1.5, 0.5])
        np.testing.assert_allclose(theta @ along, (1 - lr) ** steps * (start @ along), rtol=1e-9)
        wanted = (1 - 100 * lr) ** steps * (start @ across)
        np.testing.assert_allclose(theta @ across, wanted, rtol=1e-9, atol=1e-12)
        found = [r for r in recording.probe("hessian_spectrum") if r.lane == lane]
        assert len(found) == 7
        for result in found:
            np.testing.assert_allclose(result.arrays["eigenvalues"], [100, 1], rtol=1e-10)
            assert result.trace == pytest.approx(101, rel=1e-12)
            assert result.two_over_lr == pytest.approx(2 / lr)


def roughness_control(recording):
    """Rise and fall on a bowl, along the index of all directions at that distance."""
    angles = (np.arange(20_000) + 0.5) * np.pi / 40_000
    found = recording.probe("roughness")
    loss = recording.scalar("sgd", "loss")[:, 0]
    for result in found:
        middle = np.sqrt(2 * loss[result.step]) / 0.1 * np.cos(angles)  # of each line, in reaches
        turned = (1 + ((1 - middle) / (1 + middle)) ** 2) / 2
        lines = np.where(middle < 1, turned, 0.5)
        true = lines.std() / lines.mean()
        assert result.index == pytest.approx(true, abs=0.03)
        assert result.mean_tv_l == pytest.approx(lines.mean(), abs=0.03)
    index = [result.index for result in found]
    top = int(np.argmax(index))
    assert 0.18 < index[top] < 0.23
    assert 0.03 < np.sqrt(2 * loss[found[top].step]) < 0.3
    assert index[0] < 0.5 * index[top]
    assert index[-1] < 0.1 * index[top]
    assert max(result.mean_tv_l for result in found) < 1.01


def neural_collapse(recording):
    """The least loss that is known, and every distance from collapse at zero."""
    c = 4 * math.sqrt(25 * 5e-3 * 5e-4)
    loss = recording.scalar("momentum", "loss")
    np.testing.assert_allclose(loss[-1], c - c * c / 2, rtol=1e-5)
    first, *_, last = recording.probe("neural_collapse")
    assert first.nc1 > 1
    for key in ("nc1", "nc2", "nc3", "nc2_features"):
        assert abs(getattr(last, key)) < 1e-4
    problem = lab.problem("unconstrained_features")
    layer = problem.last_layer(torch.tensor(recording.theta("momentum")[-1]))
    scores = layer.features @ layer.weight.mT
    values = torch.linalg.svdvals(scores)[:, :4] / 5  # over those of the labels, √25
    torch.testing.assert_close(values, torch.full((2, 4), 1 - c), rtol=1e-4, atol=0)


def grokking(recording):
    """The test loss rises first, and falls several times later than the training loss."""
    found = recording.probe("evaluation")
    train, test = (np.array([r.arrays[key][0] for r in found]) for key in ("loss", "test_loss"))
    aligned = np.array([r.alignment[0] for r in found])
    assert test.max() > 1.05 * test[0]
    learned, generalised = (int(np.argmax(x < 0.05 * test[0])) for x in (train, test))
    assert 80 < found[learned].step < 250
    assert 2.5 * learned < generalised
    assert aligned[0] < 0.1 < 0.7 < aligned[-1]
    first, *_, last = recording.probe("lazy_rich")
    assert first.drift == pytest.approx(0, abs=1e-6)
    assert 0.003 < last.drift < 0.05
    assert last.alignment > 1.5 * first.alignment
    assert last.movement == pytest.approx(2.93, rel=0.1)  # of the reference run at this step


def autoencoder(recording):
    """From a saddle of index 2: descent waits and leaves, Newton's method stays."""
    saddle, least = 3.2, 1.7
    sgd, newton, free = (recording.scalar(lane, "loss")[:, 0] for lane in recording.lanes)
    assert sgd[100] == pytest.approx(saddle, abs=0.05)
    assert sgd[-1] == pytest.approx(least, abs=0.01)
    assert newton[40] == pytest.approx(saddle, abs=1e-4)
    assert free[40] == pytest.approx(least, abs=1e-3)
    first = recording.probe("hessian_spectrum")[0]
    assert (first.eigenvalues < -0.1).sum() == 2


def edge_of_stability(recording):
    """Sharpness comes to the limit of its lane and hovers there, or stays below."""
    limits = {"η = 0.9": 2 / 0.9, "η = 0.3": 2 / 0.3, "momentum": 2 * 1.5 / 1.0}
    for lane, limit in limits.items():
        found = [r for r in recording.probe("stability") if r.lane == lane]
        assert [r.limit for r in found] == pytest.approx([limit] * len(found))
        ratio = np.array([r.ratio for r in found])
        assert ratio == pytest.approx([r.lambda_max / limit for r in found])
        if lane == "η = 0.3":
            assert ratio.max() < 0.5
            assert (np.diff(ratio[15:]) > 0).all()  # it sharpens, and never comes near
        else:
            assert ratio[-20:].mean() == pytest.approx(1.02, abs=0.05)
            assert ratio[-20:].min() > 0.85
            assert ratio.max() < 1.2
        loss = recording.scalar(lane, "loss")[:, 0]
        assert loss[-1] < 0.3 * loss[0]
        assert (np.diff(loss[300:]) > 0).any() == (lane != "η = 0.3")  # at the edge it goes up, too


def hidden_symmetry(recording):
    """The functional dimensions of the reference networks; descent frees one of them only."""
    known = {"generic": 13, "dead unit": 10, "always on": 12, "doubled unit": 10}
    known["unit without effect"] = 11
    for lane, rank in known.items():
        found = [r for r in recording.probe("functional_dimension") if r.lane == lane]
        freed = 13 if lane == "unit without effect" else rank
        assert [r.rank for r in found] == [rank, freed, freed]
        assert {r.bound for r in found} == {13}
        assert min(r.gap for r in found) > 1e6


def lazy_rich(recording):
    """Kernel regression with the kernel at the start foretells losses and movement."""
    problem = lab.problem("grokking", alpha=1000.0)
    start = torch.tensor(recording.theta("sgd")[0])
    inputs, targets = problem.dataset.on(start)
    jacobian = torch.func.jacrev(lambda x: problem.outputs(x[None], inputs)[0, :, 0])(start[0])
    values, vectors = torch.linalg.eigh(jacobian @ jacobian.T)
    begin = vectors.T @ targets[:, 0]  # what is to be learned: outputs begin at 0
    found = recording.probe("evaluation")
    left = (1 - 2 * 2e-4 / 100 * values)[None] ** torch.tensor([[r.step] for r in found])
    foretold = (left * begin).square().mean(1)
    np.testing.assert_allclose([r.arrays["loss"][0] for r in found], foretold, rtol=0.02)
    assert found[-1].arrays["test_loss"][0] > 2 * foretold[-1]
    learned = (1 - left[-1]) * begin
    moved = (learned.square() / values).sum().sqrt() / start.norm()
    first, *_, last = recording.probe("lazy_rich")
    assert last.movement == pytest.approx(float(moved), rel=0.02)
    assert first.movement == 0
    assert last.drift < 1e-6
    assert last.alignment == pytest.approx(first.alignment, rel=0.01)


def sharpness(recording):
    """The limit between two lanes, and both rises of the loss by their formulas."""
    c, s = math.cos(math.pi / 6), math.sin(math.pi / 6)
    turn = np.array([[c, s], [-s, c]])
    hessian, rho = turn.T @ np.diag([1.0, 20.0]) @ turn, 0.1
    for lane, ratio in (("below", 0.98), ("above", 1.02), ("small", 0.3)):
        of_lane = [r for r in recording.results if r.lane == lane]
        stability = [r for r in of_lane if r.name == "stability"]
        assert [r.lambda_max for r in stability] == pytest.approx([20.0] * 7, rel=1e-3)
        assert [r.ratio for r in stability] == pytest.approx([ratio] * 7, rel=1e-3)
        norm = np.linalg.norm(recording.theta(lane)[[-2, -1], 0] @ turn.T[:, 1:], axis=1)
        assert (norm[1] > norm[0]) == (ratio > 1)
        for found in (r for r in of_lane if r.name == "sharpness"):
            assert found.mean == pytest.approx(rho**2 * 21 / 2, abs=4 * found.mean_error)
            assert found.mean_error < 0.05 * found.mean
            slope = hessian @ recording.theta(lane)[found.step, 0]
            size = np.linalg.norm(slope)
            bend = slope @ hessian @ slope / size**2
            assert found.sam == pytest.approx(rho * size + rho**2 * bend / 2, rel=2e-3)


def outliers(recording):
    """As many large eigenvalues as classes, as in the reference nets of the same shape (R6c)."""
    found = recording.probe("hessian_spectrum")
    assert found[0].outliers < 5
    assert [r.outliers for r in found[1:]] == [10] * 4
    assert {r.classes for r in found} == {10}
    assert all(r.outlier_ratio > 1.6 for r in found[1:])
    bulk = found[-1].eigenvalues[found[-1].eigenvalues < found[-1].outlier_edge]
    assert found[-1].lambda_max > 10 * bulk.max()
    assert recording.scalar("Adam", "loss")[-1, 0] < 0.15


ANSWERS = {
    "quadratic-spectrum": quadratic_spectrum,
    "hidden-symmetry": hidden_symmetry,
    "lazy-rich": lazy_rich,
    "edge-of-stability": edge_of_stability,
    "sharpness": sharpness,
    "autoencoder": autoencoder,
    "deep-galerkin": deep_galerkin,
    "deep-ritz": deep_ritz,
    "grokking": grokking,
    "neural-collapse": neural_collapse,
    "roughness-control": roughness_control,
}  # name of the file without "known-" -> a function of the recording that asserts


def branches(recording):
    """Early branches lie behind a barrier, late ones do not (instability analysis)."""
    found = recording.probe("barriers")[-1]
    assert found.lanes.split("\n") == ["trunk", "from 0", "from 40", "from 200"]
    trunk = found.barrier_chord[0]
    assert trunk[1] > 0.1
    assert trunk[3] < 0.02
    assert found.distance[0, 1] > found.distance[0, 2] > found.distance[0, 3] > 0
    assert found.metric_barrier[0, 1] > 0.02 > found.metric_barrier[0, 3]  # Frankle's 2 %
    assert 30 < recording.probe("connectivity")[-1].angle_branch < 120


def permutation(recording):
    """A network and its permuted copy: one function, a barrier between, none once matched."""
    losses = recording.scalar("SGD", "loss")
    assert losses[:, 0] == pytest.approx(losses[:, 1], rel=1e-9)
    for found in recording.probe("connectivity"):
        assert found.barrier > 0.03
        assert found.matched_barrier == pytest.approx(0, abs=1e-12)
        assert found.matched_distance == pytest.approx(0, abs=1e-9)
    last = recording.probe("barriers")[-1]
    assert last.matched == "activations"
    assert abs(last.barrier).max() < 1e-12


ANSWERS |= {"branches": branches, "permutation": permutation}
ANSWERS |= {"outliers": outliers}


def persistence(recording):
    """Basins and hill of Himmelblau's function, at every step the same."""
    for found in recording.probe("topology"):
        assert found.death[1:] == pytest.approx([104.02115057, 67.71948497, 13.31252402])
        assert found.birth == pytest.approx([0.00170801, 0.00792497, 0.01228817, 0.01355216])
        assert found.holes == pytest.approx(np.array([[178.33555361, 181.61612642]]))
        assert found.smad == pytest.approx(61.67313, abs=1e-5)
        assert np.bincount(found.point_index).tolist() == [4, 4, 1]
        minima = found.points[found.point_index == 0]
        known = [point for point, *_ in recording.header["problem"]["optima"]]
        assert sorted(map(tuple, minima)) == pytest.approx(np.array(sorted(known)), abs=1e-5)


def critical_points(recording):
    """All 16 families of the linear autoencoder, each with its loss and index."""
    (found,) = recording.probe("critical_points")
    mine = sorted(zip(found.loss.round(9), found.index, strict=True))
    known = sorted(zip(found.known_loss.round(9), found.known_index, strict=True))
    assert len(known) == 16
    assert mine == pytest.approx(np.array(known))
    correlation = np.corrcoef(found.loss, found.index / found.dim)[0, 1]
    assert correlation == pytest.approx(0.956, abs=5e-4)


ANSWERS |= {"persistence": persistence, "critical-points": critical_points}


def slices_of_a_valley(recording):
    """Every slice is the parabola of its slope and curvature; the eigenvalues are those planted."""
    for found in recording.probe("slices"):
        names = found.names.split("|")
        middle = float(recording.scalar(found.lane, "loss")[found.step, 0])
        for name, loss, slope, curvature in zip(
            names, found.loss, found.slope, found.curvature, strict=True
        ):
            promised = middle + slope * found.s + curvature * found.s**2 / 2
            assert loss == pytest.approx(promised, rel=1e-9, abs=1e-9 * float(loss.max())), name
        assert found.curvature[names.index("eigenvector 1")] == pytest.approx(100)
        assert found.curvature[names.index("eigenvector 2")] == pytest.approx(1)
        assert (found.curvature > 1 - 1e-9).all()
        assert (found.curvature < 100 + 1e-9).all()
        assert ("momentum" in names) == (found.lane == "Momentum" and found.step > 0)


ANSWERS |= {"slices": slices_of_a_valley}


@pytest.mark.parametrize("name", ANSWERS)
def test_the_answer_is_found(name):
    with threads(1):
        recording = lab.run(str(guided_experiments()[f"known-{name}"]))
    assert not [event for event in recording.events if event.kind == "failed"]
    ANSWERS[name](recording)


def test_every_known_answer_is_asked_for():
    files = {
        name.removeprefix("known-") for name in guided_experiments() if name.startswith("known-")
    }
    assert files == set(ANSWERS)

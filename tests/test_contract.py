"""The public contract, name by name: what a notebook or somebody else's script relies on."""

import inspect

import numpy as np
import pytest
import torch
from torch import nn

import lab

A = lab.analysis


def network() -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    """A small classifier and its data, float64."""
    draws = torch.Generator().manual_seed(0)
    inputs = torch.randn(60, 4, generator=draws, dtype=torch.float64)
    targets = (inputs[:, 0] * inputs[:, 1] > 0).long()
    module = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2)).double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=draws).double())
    return module, inputs, targets


@pytest.fixture(scope="module")
def recording():
    lanes = [lab.Lane("adam", lr=1e-2, start=[[-1.5, 2.0]]), lab.Lane("adam", lr=1e-3)]
    return lab.run(
        lab.Experiment(
            problem="rosenbrock",
            lanes=lanes,
            probes=[lab.ProbePlan("hessian_spectrum", every=10)],
            steps=30,
            seed=0,
            device="cpu",
            dtype="float64",
        )
    )


@pytest.fixture(scope="module")
def module_problem():
    module, inputs, targets = network()
    return lab.problem(module, data=(inputs, targets), loss="cross_entropy")


def start(problem, seed: int = 0) -> np.ndarray:
    draws = np.random.default_rng(seed)
    return 0.5 * draws.standard_normal(problem.dim)


def test_catalogue():
    for kind in ("problem", "loss", "optimizer", "probe"):
        for name, entry in lab.catalogue(kind).items():
            assert entry.name == name
            for attribute in ("title", "summary", "formula", "paper", "knobs"):
                assert hasattr(entry, attribute)


def test_problem_from_the_catalogue():
    p = lab.problem("rosenbrock", a=1.0, b=100.0)
    assert p.dim == 2
    assert list(p.layout.names) == ["x", "y"]
    assert p.value([1.0, 1.0]) == 0
    assert np.array_equal(p.gradient(np.array([[1.0, 1.0], [0.0, 0.0]])), [[0, 0], [-2, 0]])


def test_problem_from_a_function():
    p = lab.problem(lambda x: (x**2).sum(), dim=2)
    assert p.value(torch.tensor([3.0, 4.0])).item() == 25
    assert np.allclose(p.gradient([[1.0, 2.0]]), [[2, 4]])


def test_problem_from_a_module(module_problem):
    module, inputs, targets = network()
    flat = torch.cat([p.detach().reshape(-1) for p in module.parameters()])
    loss = nn.functional.cross_entropy(module(inputs), targets)
    assert torch.allclose(module_problem.value(flat), loss)
    gradient = torch.cat([g.reshape(-1) for g in torch.autograd.grad(loss, module.parameters())])
    assert torch.allclose(module_problem.gradient(flat), gradient)
    assert list(module_problem.layout.names) == [name for name, _ in module.named_parameters()]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_precision_and_kind_are_kept(module_problem, dtype):
    theta = start(module_problem).astype(dtype)
    for given in (theta, theta[None], torch.from_numpy(theta)):
        value, gradient = module_problem.value(given), module_problem.gradient(given)
        assert isinstance(gradient, type(given))
        assert gradient.dtype == given.dtype
        assert gradient.shape == given.shape
        assert value.dtype == given.dtype


def test_run_and_recording(recording):
    assert recording.lanes == ["adam", "adam-2"]
    assert recording.theta("adam").shape == (31, 1, 2)
    assert np.array_equal(recording.theta("adam")[0], [[-1.5, 2.0]])
    for name in ("loss", "grad_norm", "gradient_evaluations", "seconds"):
        assert recording.scalar("adam", name).shape == (31, 1)
    assert np.array_equal(recording.scalar("adam", "gradient_evaluations")[:, 0], range(31))
    spectra = recording.probe("hessian_spectrum")
    assert [(s.lane, s.step) for s in spectra[:3]] == [("adam", 0), ("adam-2", 0), ("adam", 10)]
    exact = A.hessian(lab.problem("rosenbrock"), recording.theta("adam")[10, 0])
    assert np.allclose(sorted(spectra[2].eigenvalues), np.linalg.eigvalsh(exact))


def test_run_from_a_file_and_into_one(tmp_path, recording):
    path = tmp_path / "experiment.toml"
    path.write_text(recording.experiment.to_toml())
    again = lab.run(str(path), to=tmp_path / "run.lab")
    assert np.array_equal(again.theta("adam"), recording.theta("adam"))
    again.close()
    opened = lab.open(tmp_path / "run.lab")
    assert np.array_equal(opened.scalar("adam", "loss"), recording.scalar("adam", "loss"))


def test_save_open_export(tmp_path, recording):
    recording.save(tmp_path / "x.lab")
    opened = lab.open(tmp_path / "x.lab")
    assert opened.experiment == recording.experiment
    files = opened.export(
        tmp_path / "out", formats=["csv", "npz", "hdf5", "png", "svg", "pdf", "py"]
    )
    assert {path.suffix for path in files} == {
        ".csv",
        ".npz",
        ".h5",
        ".png",
        ".svg",
        ".pdf",
        ".py",
    } or {path.suffix for path in files} >= {".csv", ".npz", ".png", ".svg", ".pdf", ".py"}
    assert all(path.stat().st_size for path in files)


def test_experiment_takes_objects_files_and_names(tmp_path, module_problem):
    (tmp_path / "mine.py").write_text(
        "import torch\ndim = 2\ndef problem(x):\n    return (x**2).sum()\n"
    )
    for problem in (
        lab.problem("rosenbrock", b=10.0),
        {"name": "rosenbrock", "b": 10.0},
        lab.problem(lambda x: (x**4).sum(), dim=3),
        module_problem,
        str(tmp_path / "mine.py"),
    ):
        experiment = lab.Experiment(problem, ["sgd"], steps=2, device="cpu")
        assert lab.run(experiment).theta("sgd").shape[:2] == (3, 1)
    held = lab.Experiment(lab.problem(lambda x: x.sum(), dim=1), ["sgd"])
    with pytest.raises(ValueError, match="file cannot hold"):
        held.to_toml()


SIGNATURES = {
    "surface": "p, center, directions='random', span=1.0, points=51, normalize='filter', seed=0",
    "top_eigenvalues": "p, theta, k=10, operator='hessian', tol=0.001, seed=0",
    "spectral_density": "p, theta, probes=10, steps=100, seed=0",
    "hessian": "p, theta",
    "roughness_index": "p, theta, directions=100, radius=1.0, points=201, normalize=None, seed=0",
    "linear_path": "p, a, b, points=25",
    "match_permutation": "p, a, b, method='weights'",
    "bezier_path": "p, a, b, steps=1000",
    "functional_dimension": "p, theta",
    "neural_collapse": "features, labels, weight",
    "persistence": "values",
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_analysis_signature(name):
    """The contract's arguments, in its order and with its defaults (names of the first differ)."""
    wanted = [part.strip() for part in SIGNATURES[name].split(",")]
    found = list(inspect.signature(getattr(A, name)).parameters.values())
    for text, parameter in zip(wanted, found, strict=False):
        word, _, default = text.partition("=")
        if default:
            assert parameter.name == word
            assert parameter.default == eval(default)
        else:
            assert parameter.default is inspect.Parameter.empty
    assert "progress" in inspect.signature(getattr(A, name)).parameters


def test_surfaces(module_problem):
    theta = start(module_problem)
    found = A.surface(module_problem, theta, points=5)
    assert found.loss.shape == (5, 5)
    assert found.loss[2, 2] == pytest.approx(module_problem.value(theta))
    d1, d2 = np.eye(module_problem.dim)[:2]
    given = A.surface(
        module_problem, theta, directions=(d1, d2), normalize=None, span=1.0, points=3
    )
    assert given.loss[2, 0] == pytest.approx(module_problem.value(theta - d1 + d2))
    assert np.array_equal(given.x, [-1, 0, 1])
    assert np.allclose(given.directions[0], d1)


def test_curvature(module_problem):
    theta = start(module_problem)
    exact = np.linalg.eigvalsh(A.hessian(module_problem, theta))
    top = A.top_eigenvalues(module_problem, theta, k=3, tol=1e-8)
    largest = exact[np.argsort(-abs(exact))[:3]]
    assert np.allclose(top.values, largest, rtol=1e-6)
    assert top.residuals.shape == (3,)
    assert top.products > 0
    density = A.spectral_density(module_problem, theta, probes=3, steps=20)
    assert density.nodes.shape == density.weights.shape == (3, 20)
    assert density.grid.shape == density.density.shape == density.error.shape


def test_roughness(module_problem):
    theta = start(module_problem)
    found = A.roughness_index(module_problem, theta, directions=12, points=21)
    assert found.total_variation.shape == (12,)
    expected = found.total_variation.std(ddof=1) / found.total_variation.mean()
    assert found.index == pytest.approx(expected)
    low, high = found.interval
    assert low <= found.index <= high
    given = np.eye(module_problem.dim)[:4]
    assert A.roughness_index(module_problem, theta, given).total_variation.shape == (4,)


def test_connectivity(module_problem):
    a, b = start(module_problem), start(module_problem, 1)
    path = A.linear_path(module_problem, a, b, points=7)
    ends = (path.loss[0] + path.loss[-1]) / 2
    assert path.t.shape == path.loss.shape == (7,)
    assert path.barrier == pytest.approx(path.loss.max() - ends)
    chord = path.loss - ((1 - path.t) * path.loss[0] + path.t * path.loss[-1])
    assert path.barrier_chord == pytest.approx(chord.max())
    assert path.metrics["accuracy"].shape == (7,)
    matched = A.match_permutation(module_problem, a, b, method="weights")
    vector = getattr(matched, "theta", matched)
    assert module_problem.value(vector) == pytest.approx(module_problem.value(b))
    curve = A.bezier_path(module_problem, a, b, steps=5)
    assert curve.loss[0] == pytest.approx(path.loss[0])
    assert hasattr(curve, "barrier")


def test_expressivity_collapse_topology(module_problem):
    relu = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)).double()
    data = (torch.randn(8, 2).double(), torch.randn(8, 1).double())
    p = lab.problem(relu, data=data, loss="mse")
    found = A.functional_dimension(p, start(p))
    assert found.rank <= found.bound == 10
    features, labels = np.random.default_rng(0).standard_normal((20, 5)), np.arange(20) % 4
    collapse = A.neural_collapse(features, labels, np.ones((4, 5)) + np.eye(4, 5))
    assert all(np.isfinite(x) for x in (collapse.nc1, collapse.nc2, collapse.nc3))
    pairs = A.persistence(np.array([[0.0, 2.0, 1.0]]))
    assert sorted(map(tuple, np.asarray(pairs).tolist())) == [(0.0, np.inf), (1.0, 2.0)]


def test_losses():
    outputs, targets = torch.randn(6, 3), torch.tensor([0, 1, 2, 0, 1, 2])
    expected = nn.functional.cross_entropy(outputs, targets)
    assert torch.allclose(lab.loss("cross_entropy")(outputs, targets), expected)
    p = torch.softmax(outputs, dim=1)[range(6), targets]
    focal = (-((1 - p) ** 2) * p.log()).mean()
    assert torch.allclose(lab.loss("focal", gamma=2.0)(outputs, targets), focal)


def test_analyses_report_progress_and_can_be_cancelled(module_problem):
    from lab.engine.analysis.base import Cancelled

    seen = []
    A.surface(
        module_problem, start(module_problem), points=9, progress=lambda p: seen.append(p.done)
    )
    assert seen == sorted(seen)
    assert seen[-1] == 1

    def stop(progress):
        raise Cancelled

    with pytest.raises(Cancelled):
        A.surface(module_problem, start(module_problem), points=9, progress=stop)

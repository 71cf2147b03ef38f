"""Surfaces of the digits networks against a lean loop over points, a package, and the floor.

The lean loop is what people write: one flat vector, copied into the module point by point. The
floor is the multiplications of every point's forward pass at the rate of this machine's matrix
products.
"""

import time

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from timing import seconds
from torch import nn

import lab
from lab import analysis

POINTS = 51
ROWS = 5  # of the grid of the convolutional network, whose points take long
GEMM = (512, 512, 2048)


@pytest.fixture(scope="module", autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def data():
    inputs, targets = load_digits(return_X_y=True)
    return torch.tensor(inputs / 16, dtype=torch.float32), torch.tensor(targets)


def mlp() -> nn.Module:
    torch.manual_seed(0)
    layers = nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 10)
    return nn.Sequential(*layers)


def cnn() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(512, 10),
    )


def as_lab(name: str, module: nn.Module):
    """The lab's own network of the same layers, or the module itself."""
    if name == "module":
        return lab.problem(module, data=data(), loss="cross_entropy")
    return lab.problem(name)


class Case:
    """One network, a plane through it, and the two ways to its surface."""

    def __init__(self, name: str, module: nn.Module, rows: int):
        self.module, self.rows = module, rows
        self.problem = as_lab(name, module)
        self.theta = nn.utils.parameters_to_vector(module.parameters()).detach()
        self.plane = analysis.random_plane(self.problem, self.theta)
        self.found: dict = {}
        self.first = 0.0
        inputs, targets = self.problem.dataset.on(self.theta)
        self._data = inputs, targets

    def lean(self) -> None:
        x, y = torch.linspace(-1, 1, POINTS), torch.linspace(-1, 1, self.rows)
        values = []
        with torch.no_grad():
            for b in y:
                for a in x:
                    point = self.theta + a * self.plane.d1 + b * self.plane.d2
                    nn.utils.vector_to_parameters(point, self.module.parameters())
                    outputs = self.module(self._data[0])
                    values.append(nn.functional.cross_entropy(outputs, self._data[1]).item())
        nn.utils.vector_to_parameters(self.theta, self.module.parameters())
        self.found["lean"] = np.reshape(values, (self.rows, POINTS))

    def ours(self) -> None:
        begin, self.first = time.perf_counter(), 0.0

        def progress(report):
            if report.partial is not None and not self.first:
                self.first = time.perf_counter() - begin

        options = {"points": (POINTS, self.rows), "progress": progress}
        self.found["ours"] = np.asarray(
            analysis.surface(self.problem, self.theta, self.plane, **options).loss
        )

    def seconds(self) -> tuple[float, float]:
        """Of the lean loop and of the lab, whose numbers must agree."""
        self.ours()
        lean, ours = seconds(self.lean, self.ours, rounds=2)
        np.testing.assert_allclose(self.found["ours"], self.found["lean"], rtol=1e-4)
        return lean, ours


def floor_share(case: Case) -> float:
    """Time of a surface over that of its multiplications at this machine's rate, in turns."""
    m, k, n = GEMM
    a, b = torch.randn(m, k), torch.randn(k, n)
    products, ours = seconds(lambda: [a @ b for _ in range(20)], case.ours, rounds=3)
    weights = sum(part.numel() for part in case.module.parameters() if part.ndim > 1)
    wanted = weights * len(case.problem.dataset) * POINTS * case.rows
    return ours / (products * wanted / (20 * m * k * n))


@pytest.mark.parametrize("name", ["digits_mlp", "module"])
def test_an_mlp_on_all_samples(benchmark, claims, name):
    case = Case(name, mlp(), POINTS)
    benchmark.pedantic(case.ours, rounds=1)
    lean, ours = case.seconds()
    about = f"digits MLP ({name}), surface 51 × 51"
    claims.at_least(f"{about}, speed / lean loop", lean / ours, 1.9)
    claims.at_most("the same, share of the time to the first picture", case.first / ours, 0.05)
    claims.at_most("the same, time / floor of multiplications", floor_share(case), 2.3)


@pytest.mark.parametrize("name", ["digits_cnn", "module"])
def test_a_convolutional_network_on_all_samples(benchmark, claims, name):
    case = Case(name, cnn(), ROWS)
    benchmark.pedantic(case.ours, rounds=1)
    lean, ours = case.seconds()
    about = f"digits CNN ({name}), surface 51 × {ROWS}"
    claims.at_least(f"{about}, speed / lean loop", lean / ours, 1.4)


def test_against_loss_landscapes(benchmark, claims):
    peer = pytest.importorskip("loss_landscapes")
    metrics = pytest.importorskip("loss_landscapes.metrics")
    case = Case("digits_mlp", mlp(), POINTS)
    inputs, targets = case._data
    metric = metrics.Loss(nn.CrossEntropyLoss(), inputs, targets)

    def theirs():
        peer.random_plane(case.module, metric, 1, POINTS, "filter", deepcopy_model=True)

    benchmark.pedantic(case.ours, rounds=1)
    package, ours = seconds(theirs, case.ours, rounds=1)
    claims.at_least("digits MLP, surface 51 × 51, speed / loss_landscapes", package / ours, 1.9)


def test_accuracy_beside_the_loss(benchmark, claims):
    case = Case("digits_mlp", mlp(), POINTS)

    def both():
        analysis.surface(case.problem, case.theta, case.plane, metrics=True)

    benchmark.pedantic(both, rounds=1)
    alone, together = seconds(case.ours, both, rounds=2)
    claims.at_most("digits MLP, surface with accuracy, time / without", together / alone, 1.8)

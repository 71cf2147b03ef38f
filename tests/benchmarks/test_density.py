"""Spectral densities against what people use, at equal budget and at equal accuracy."""

import itertools

import hessian_eigenthings as eigenthings
import numpy as np
import pytest
import torch
from pyhessian import hessian as of_module
from timing import seconds
from torch import nn

import lab

PROBES, STEPS = 10, 100
LEAN = {"probes": 4, "steps": 40}  # with its outliers taken out, more accurate than 10 x 100
WIDTHS = {"W1": (64, 64, 64, 10), "W3": (2, 16, 16, 2)}
EQUAL = {"W1": 0.4, "W3": 0.12}  # of PyHessian's time


@pytest.fixture
def workload(golden):
    """Makes a module at its reference point, its data, and its exact spectrum."""

    def make(name):
        with np.load(golden / "curvature.npz") as file:
            inputs, theta = (torch.tensor(file[f"{name}_{key}"]).float() for key in ("X", "theta"))
            targets = torch.tensor(file[f"{name}_y"]).long()
            exact = np.sort(file[f"{name}_exact_spectrum"])
        layers = []
        for wide, narrow in itertools.pairwise(WIDTHS[name]):
            layers += [nn.Linear(wide, narrow), nn.Tanh()]
        module = nn.Sequential(*layers[:-1])
        nn.utils.vector_to_parameters(theta, module.parameters())
        return module, inputs, targets, theta, exact

    return make


@pytest.mark.filterwarnings("ignore:Using backward")  # PyHessian's
@pytest.mark.parametrize("name", WIDTHS)
def test_spectral_density(claims, workload, monkeypatch, name):
    monkeypatch.setattr(torch, "eig", old_eig)  # which torch has dropped, and PyHessian calls
    module, inputs, targets, theta, exact = workload(name)
    criterion = nn.CrossEntropyLoss()
    problem = lab.problem(module, data=(inputs, targets), loss="cross_entropy")
    found = {}

    def equal():
        found["equal"] = of_lab(problem, theta, probes=PROBES, steps=STEPS, deflate=0)

    def lean():
        found["lean"] = of_lab(problem, theta, **LEAN)

    def pyhessian():
        torch.manual_seed(0)
        peer = of_module(module, criterion, data=(inputs, targets), cuda=False)
        nodes, weights = peer.density(iter=STEPS, n_v=PROBES)
        module.zero_grad()  # which keep the graph that they were made with
        found["PyHessian"] = np.ravel(nodes), np.ravel(weights) / PROBES

    def things():
        loss = eigenthings.supervised_loss(criterion)
        matrix = eigenthings.HessianOperator(module, [(inputs, targets)], loss)
        eigenthings.spectral_density(matrix, num_runs=PROBES, lanczos_steps=STEPS, seed=0)

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        lean()
        rounds = 1 if name == "W1" else 5  # those of the small network are over in a moment
        ours, short, peer, other = seconds(equal, lean, pyhessian, things, rounds=rounds)
    finally:
        torch.set_num_threads(before)
    away = {key: distance(*pair, exact) for key, pair in found.items()}
    claims.at_most(f"{name}, density 10 × 100, time / PyHessian", ours / peer, EQUAL[name])
    if name == "W1":
        claims.at_most("the same, time / hessian-eigenthings", ours / other, 0.6)
    better = away["lean"] / away["PyHessian"]
    claims.at_most(f"{name}, deflated density, distance to the truth / PyHessian's", better, 1.0)
    claims.at_most("the same, time / PyHessian", short / peer, 0.15)


def of_lab(problem, theta, **options):
    """Nodes and weights of the lab's density, with the eigenvalues taken out."""
    found = lab.analysis.spectral_density(problem, theta, **options)
    left = (found.size - len(found.outliers)) / found.size / len(found.nodes)
    nodes = np.concatenate([found.nodes.double().ravel(), found.outliers.double()])
    even = np.full(len(found.outliers), 1 / found.size)
    return nodes, np.concatenate([left * found.weights.double().ravel(), even])


def old_eig(matrix, eigenvectors):
    """What torch.eig gave for a matrix with real eigenvalues."""
    values, vectors = torch.linalg.eig(matrix)
    return torch.view_as_real(values), vectors.real


def distance(nodes, weights, exact):
    """Wasserstein distance of an estimate to a spectrum."""
    points, order = np.sort(np.concatenate([nodes, exact])), np.argsort(nodes)
    total = np.concatenate([[0.0], np.cumsum(weights[order])])
    one = total[np.searchsorted(nodes[order], points[:-1], side="right")]
    two = np.searchsorted(exact, points[:-1], side="right") / len(exact)
    return float(np.sum(np.abs(one - two) * np.diff(points)))

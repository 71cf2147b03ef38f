"""The networks and numbers that the reference files are about."""

import itertools

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

import lab


@pytest.fixture(scope="session")
def numbers(golden):
    """Roughness, connectivity, functional dimension, neural collapse, persistence."""
    with np.load(golden / "analyses.npz") as file:
        return dict(file)


@pytest.fixture(scope="session")
def curvature(golden):
    """Spectra and surfaces of two trained networks, W1 and W3."""
    with np.load(golden / "curvature.npz") as file:
        return dict(file)


@pytest.fixture(scope="session")
def w1(curvature):
    """Digits, 8,970 parameters."""
    module = chain(64, 64, 64, 10, activation=nn.Tanh)
    return lab.problem(module, data=(curvature["W1_X"], curvature["W1_y"]), loss="cross_entropy")


@pytest.fixture(scope="session")
def w3(curvature):
    """Moons, 354 parameters."""
    module = chain(2, 16, 16, 2, activation=nn.Tanh).double()
    return lab.problem(module, data=(curvature["W3_X"], curvature["W3_y"]), loss="cross_entropy")


@pytest.fixture(scope="session")
def digits(numbers):
    """The training samples of digits that the two networks of R2 were trained on, 64-64-10."""
    inputs, targets = load_digits(return_X_y=True)
    train = numbers["R2_split_perm"][:1437]
    module = chain(64, 64, 10, activation=nn.ReLU).double()
    return lab.problem(module, data=(inputs[train] / 16, targets[train]), loss="cross_entropy")


@pytest.fixture(scope="session")
def pair(numbers):
    """The parameters of the two networks of R2."""
    return [joined(numbers, "R2_A_P{}_seed" + seed, 4) for seed in "12"]


def chain(*widths, activation=nn.ReLU):
    """Linear layers with an activation between them."""
    layers = []
    for wide, narrow in itertools.pairwise(widths):
        layers += [nn.Linear(wide, narrow), activation()]
    return nn.Sequential(*layers[:-1])


def joined(numbers, key, count):
    """A flat parameter vector from arrays stored one by one."""
    return np.concatenate([numbers[key.format(i)].ravel() for i in range(count)])


def dense_hessian(problem, theta):
    """The Hessian by automatic differentiation of the whole, in double precision."""
    point = torch.as_tensor(theta, dtype=torch.float64)
    return torch.autograd.functional.hessian(lambda x: problem.evaluate(x[None])[0], point)

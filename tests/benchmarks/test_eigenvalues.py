"""Top-10 eigenvalues of two networks against what people use, with the accuracy of each."""

import warnings

import hessian_eigenthings as eigenthings
import numpy as np
import pytest
import torch
from pyhessian import hessian as of_module
from scipy.sparse.linalg import eigsh
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_limits
from timing import seconds
from torch import nn

import lab

with warnings.catch_warnings():  # its own, of what it builds on
    warnings.simplefilter("ignore", DeprecationWarning)
    from curvlinops import HessianLinearOperator

pytestmark = pytest.mark.filterwarnings("ignore")  # the peers' own
COUNT = 10
ERROR = 1e-5  # of an eigenvalue, relative: what is asked of the lab
TOLERANCE = 3e-3  # of residuals; its square is what it promises of errors


def at_minimum(module, inputs, targets, steps):
    """Train a little, so that the spectrum is one of training and not of a start."""
    optimizer = torch.optim.Adam(module.parameters(), 3e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(module(inputs), targets).backward()
        optimizer.step()


@pytest.fixture(scope="module")
def mlp(golden):
    """W1: the module at the reference point, its data, and the eigenvalues in double precision."""
    with np.load(golden / "curvature.npz") as file:
        inputs = torch.tensor(file["W1_X"], dtype=torch.float32)
        targets, theta = torch.tensor(file["W1_y"]), torch.tensor(file["W1_theta"])
        wanted = file["W1_top20_LM"][:COUNT]
    layers = nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 10)
    module = nn.Sequential(*layers)
    nn.utils.vector_to_parameters(theta.float(), module.parameters())
    return module, inputs, targets.long(), wanted


@pytest.fixture(scope="module")
def cnn():
    """W2: two convolutions with 16 and 32 channels on the digits."""
    inputs, targets = load_digits(return_X_y=True)
    inputs = torch.tensor(inputs / 16, dtype=torch.float32)
    targets = torch.tensor(targets)
    torch.manual_seed(0)
    layers = (nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU())
    head = nn.MaxPool2d(2), nn.Flatten(), nn.Linear(512, 10)
    module = nn.Sequential(nn.Unflatten(1, (1, 8, 8)), *layers, *head)
    at_minimum(module, inputs, targets, steps=60)
    return module, inputs, targets, None


TARGETS = {  # of the lab's time over each one's
    "mlp": {"PyHessian": 0.2, "hessian-eigenthings": 0.8, "eigsh over curvlinops": 0.35},
    "cnn": {"PyHessian": 0.25, "hessian-eigenthings": 0.9, "eigsh over curvlinops": 0.75},
}


@pytest.mark.parametrize("name", TARGETS)
def test_top_eigenvalues(claims, request, name):
    module, inputs, targets, wanted = request.getfixturevalue(name)
    criterion = nn.CrossEntropyLoss()
    if name == "mlp":
        problem = lab.problem(module, data=(inputs, targets), loss="cross_entropy")
    else:
        problem = lab.problem("digits_cnn")
    theta = nn.utils.parameters_to_vector(module.parameters()).detach()
    assert problem.dim == len(theta)
    found = {}

    def ours():
        top = lab.analysis.top_eigenvalues(problem, theta, k=COUNT, tol=TOLERANCE)
        found["lab"] = top.values.numpy()

    def pyhessian():
        torch.manual_seed(0)  # how long it takes depends on where it starts
        peer = of_module(module, criterion, data=(inputs, targets), cuda=False)
        found["PyHessian"] = np.array(peer.eigenvalues(top_n=COUNT)[0])

    def things():
        loss = eigenthings.supervised_loss(criterion)
        matrix = eigenthings.HessianOperator(module, [(inputs, targets)], loss)
        found["hessian-eigenthings"] = eigenthings.lanczos(matrix, k=COUNT).eigenvalues.numpy()

    def scipy():
        matrix = HessianLinearOperator(
            module,
            criterion,
            list(module.parameters()),
            [(inputs, targets)],
            check_deterministic=False,
        )
        vectors = eigsh(matrix.to_scipy(), k=COUNT, which="LM", tol=1e-3)  # 28 products, not 41
        found["eigsh over curvlinops"] = vectors[0]

    works = {"PyHessian": pyhessian, "hessian-eigenthings": things, "eigsh over curvlinops": scipy}
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        ours()
        # NumPy's own threads would go on spinning into the next one's time
        with threadpool_limits(1, user_api="blas"):
            mine, *theirs = seconds(ours, *works.values(), rounds=5 if name == "mlp" else 3)
    finally:
        torch.set_num_threads(before)
    if wanted is None:
        exact = lab.analysis.top_eigenvalues(problem, theta.double(), k=COUNT, tol=1e-5)
        wanted = exact.values.numpy()
    errors = {key: off(values, wanted) for key, values in found.items()}
    claims.at_most(f"digits {name.upper()}, largest error of 10 eigenvalues", errors["lab"], ERROR)
    for peer, seconds_of_peer in zip(works, theirs, strict=True):
        what = f"the same, time / {peer} (whose error is {errors[peer]:.0e})"
        claims.at_most(what, mine / seconds_of_peer, TARGETS[name][peer])


def off(values, wanted):
    """The largest relative error of eigenvalues in any order."""
    values = values[np.argsort(-np.abs(values))]
    return float(np.max(np.abs(values / wanted - 1)))

"""Every loss against the reference numbers, and against torch's own functions."""

import json

import numpy as np
import pytest
import torch
from torch.autograd.functional import hessian as hessian_of
from torch.nn import functional

import lab

GOLDEN = {  # reference entry -> loss of the catalogue
    "A01": ("cross_entropy", {}),
    "A04": ("generalized_cross_entropy", {"q": 0.7}),
    "A08": ("focal", {"gamma": 2.0}),
    "C02": ("mse", {}),
    "C12": ("huber", {"delta": 0.45}),
}
VALUES = {  # value at the inputs of A01 and C02, computed by hand-written numpy elsewhere
    "poly1": 1.4340733221,
    "mae": 0.475,
    "log_cosh": 0.1174197479,
}
TORCH = {
    "cross_entropy": (functional.cross_entropy, {}, {}),
    "mse": (functional.mse_loss, {}, {}),
    "mae": (functional.l1_loss, {}, {}),
    "huber": (functional.huber_loss, {"delta": 0.3}, {"delta": 0.3}),
    "smooth_l1": (functional.smooth_l1_loss, {"beta": 0.3}, {"beta": 0.3}),
}


@pytest.fixture(scope="module")
def references(golden):
    entries = json.loads((golden / "loss_values.json").read_text())["entries"]
    return {entry["id"]: entry for entry in entries}


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def example(loss, runs=(), samples=7, columns=4):
    """Outputs and fitting targets."""
    outputs = draw(*runs, samples, columns)
    if loss.targets == "class":
        return outputs, torch.arange(samples) % columns
    return outputs, draw(samples, columns, seed=1)


@pytest.mark.parametrize("code", GOLDEN)
def test_reference_values_and_gradients(references, code):
    entry = references[code]
    name, knobs = GOLDEN[code]
    keys = ("Z", "y") if code.startswith("A") else ("yhat", "y")
    outputs = torch.tensor(entry["inputs"][keys[0]], dtype=torch.float64, requires_grad=True)
    value = lab.loss(name, **knobs)(outputs, torch.tensor(entry["inputs"][keys[1]]))
    (gradient,) = torch.autograd.grad(value, outputs)
    assert value.item() == pytest.approx(entry["value"], rel=1e-9)
    np.testing.assert_allclose(gradient.numpy(), entry["grad"], atol=1e-8)


@pytest.mark.parametrize("name", VALUES)
def test_reference_values_at_the_same_inputs(references, name):
    loss = lab.loss(name)
    inputs = references["A01" if loss.targets == "class" else "C02"]["inputs"]
    outputs = inputs.get("Z", inputs.get("yhat"))
    assert loss(outputs, inputs["y"]) == pytest.approx(VALUES[name], abs=5e-11)


@pytest.mark.parametrize("name", TORCH)
def test_as_torch(name):
    function, ours, theirs = TORCH[name]
    loss = lab.loss(name, **ours)
    outputs, targets = example(loss)
    outputs.requires_grad_()
    values = loss(outputs, targets), function(outputs, targets, **theirs)
    torch.testing.assert_close(*values)
    torch.testing.assert_close(*(torch.autograd.grad(value, outputs)[0] for value in values))


@pytest.mark.parametrize("name", lab.catalogue("loss"))
def test_runs_are_independent(name):
    loss = lab.loss(name)
    outputs, targets = example(loss, runs=(3,))
    together = loss.value(outputs, targets)
    assert together.shape == (3,)
    torch.testing.assert_close(together, torch.stack([loss(row, targets) for row in outputs]))
    own = torch.stack([targets, targets.roll(1, 0), targets.flip(0)])  # each run its own targets
    each = [loss(row, wanted) for row, wanted in zip(outputs, own, strict=True)]
    torch.testing.assert_close(loss.value(outputs, own), torch.stack(each))


@pytest.mark.parametrize("name", lab.catalogue("loss"))
def test_derivatives(name):
    loss = lab.loss(name)
    outputs, targets = example(loss, samples=3)
    outputs.requires_grad_()
    assert torch.autograd.gradcheck(lambda z: loss(z, targets), outputs)
    assert torch.autograd.gradgradcheck(lambda z: loss(z, targets), outputs)


@pytest.mark.parametrize("name", lab.catalogue("loss"))
@pytest.mark.parametrize("size", [30.0, 1e4])
def test_large_outputs_stay_finite(name, size):
    loss = lab.loss(name)
    outputs, targets = example(loss)
    outputs = (size * outputs).float().requires_grad_()
    value = loss(outputs, targets)
    assert value.isfinite()
    assert torch.autograd.grad(value, outputs)[0].isfinite().all()


@pytest.mark.parametrize("name", lab.catalogue("loss"))
def test_numpy_and_torch_agree_and_keep_their_precision(name):
    loss = lab.loss(name)
    outputs, targets = example(loss)
    result = loss(outputs.numpy(), targets.numpy())
    assert isinstance(result, np.float64)
    assert result == pytest.approx(loss(outputs, targets).item(), rel=1e-15)
    assert loss(outputs.float(), targets).dtype == torch.float32
    assert loss(outputs.tolist(), targets.tolist()) == result


def test_focal_has_a_gradient_where_a_sample_is_certain():
    outputs = torch.tensor([[100.0, -100.0]], requires_grad=True)
    value = lab.loss("focal", gamma=0.5)(outputs, torch.tensor([0]))
    assert torch.autograd.grad(value, outputs)[0].isfinite().all()


@pytest.mark.parametrize(
    ("name", "knobs"),
    [("focal", {"gamma": 0.0}), ("poly1", {"epsilon": 0.0})],
)
def test_limits_are_cross_entropy(name, knobs):
    outputs, targets = example(lab.loss(name))
    expected = lab.loss("cross_entropy")(outputs, targets)
    torch.testing.assert_close(lab.loss(name, **knobs)(outputs, targets), expected)


def test_generalised_cross_entropy_between_its_limits():
    outputs, targets = example(lab.loss("cross_entropy"))
    right = outputs.softmax(1)[torch.arange(len(targets)), targets]
    end = lab.loss("generalized_cross_entropy", q=1.0)(outputs, targets)
    torch.testing.assert_close(end, (1 - right).mean())
    start = lab.loss("generalized_cross_entropy", q=1e-6)(outputs, targets)
    expected = lab.loss("cross_entropy")(outputs, targets)
    torch.testing.assert_close(start, expected, rtol=1e-5, atol=0)


def test_values_of_classes_are_one_hot():
    outputs, classes = draw(5, 3), torch.tensor([0, 2, 1, 1, 0])
    rows = functional.one_hot(classes, 3).double()
    assert lab.loss("mse")(outputs, classes) == lab.loss("mse")(outputs, rows)


def test_one_column_is_like_no_column():
    outputs, targets = draw(5, 1), draw(5, seed=1)
    expected = lab.loss("mse")(outputs[:, 0], targets)
    assert lab.loss("mse")(outputs, targets) == expected
    assert lab.loss("mse")(outputs, torch.arange(5)) == lab.loss("mse")(
        outputs, torch.arange(5.0, dtype=torch.float64)
    )


@pytest.mark.parametrize(
    ("name", "outputs", "targets", "message"),
    [
        ("cross_entropy", [[1.0, 2.0]], [2], "target 2 is no class: .* 2 columns, .* 0 to 1"),
        ("cross_entropy", [[1.0, 2.0]], [-1], "target -1 is no class"),
        ("cross_entropy", [[1.0, 2.0]], [1.0], "whole numbers, not .* float64"),
        ("cross_entropy", [1.0, 2.0], [1, 0], r"needs outputs \(samples, classes\)"),
        ("cross_entropy", [[1.0, 2.0]], [1, 0], "same number of samples"),
        ("mse", [[1.0, 2.0]], [[1.0]], r"targets of the outputs' shape \(1, 2\)"),
        ("mse", [[1.0, 2.0]], [5], "target 5 is no class"),
        ("mse", 1.0, 2.0, "same number of samples"),
        ("mse", [[1.0], [1.0, 2.0]], [1.0, 2.0], "an array of numbers is needed"),
        ("mse", ["a"], [1.0], "an array of numbers is needed"),
    ],
)
def test_what_does_not_fit_is_refused(name, outputs, targets, message):
    with pytest.raises(ValueError, match=message) as raised:
        lab.loss(name)(outputs, targets)
    assert "\n" not in str(raised.value)


def test_unknown_names_and_knobs_are_refused():
    with pytest.raises(ValueError, match="did you mean 'cross_entropy'"):
        lab.loss("cross_entropi")
    with pytest.raises(ValueError, match="did you mean 'gamma'"):
        lab.loss("focal", gama=1.0)
    with pytest.raises(ValueError, match="nearest 10"):
        lab.loss("focal", gamma=11.0)


def test_a_loss_knows_its_place_in_the_catalogue():
    loss = lab.loss({"name": "focal", "gamma": 1.5})
    assert loss.choice.to_data() == {"name": "focal", "gamma": 1.5}
    assert lab.loss("huber").choice.to_data() == "huber"
    for entry in lab.catalogue("loss").values():
        assert entry.summary
        assert entry.formula
        assert (
            entry.family
            == {"class": "classification", "value": "regression"}[entry.factory.targets]
        )


@pytest.mark.parametrize("name", lab.catalogue("loss"))
def test_products_with_the_second_derivative_by_the_outputs(name):
    loss = lab.loss(name)
    outputs, targets = example(loss, runs=(2,))
    weights = draw(2, 7, 4, seed=2)
    for run, (row, found) in enumerate(
        zip(outputs, loss.bending(outputs, targets)(weights), strict=True)
    ):
        matrix = hessian_of(lambda z: loss.value(z, targets), row)  # (7, 4, 7, 4)
        wanted = torch.einsum("ncmd,md->nc", matrix, weights[run])
        torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize(("name", "targets"), [("cross_entropy", 2), ("mse", [[0.3, -1.0, 2.0]])])
def test_the_squares_of_the_fishers_root_are_the_losss_curvature(name, targets):
    """For these two the Fisher matrix of the outputs is the Hessian, whatever the target."""
    loss, wanted = lab.loss(name), torch.as_tensor(targets).reshape(1, -1)
    wanted = wanted if name == "mse" else wanted[0]
    outputs = torch.tensor([[0.4, -1.1, 0.2]], dtype=torch.float64)
    root = loss.fisher_root(outputs[None])
    assert root.shape == (3, 1, 1, 3)
    squares = torch.einsum("trnc,trnd->cd", root, root)
    hessian = hessian_of(lambda z: loss(z[None], wanted), outputs[0])
    torch.testing.assert_close(squares, hessian)


def test_a_loss_without_a_likelihood_has_no_root_of_a_fisher():
    with pytest.raises(NotImplementedError, match="does not say how likely"):
        lab.loss("mae").fisher_root(torch.zeros(1, 2, 3))

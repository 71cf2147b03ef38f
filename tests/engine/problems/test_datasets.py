"""The data sets: scikit-learn's, and generated ones against the shapes they are named after."""

import math

import pytest
import torch
from sklearn.datasets import load_digits, make_circles, make_moons

from lab.engine.problems import datasets

GENERATED = ["moons", "circles", "spirals", "wave"]


def test_digits_are_scikit_learns():
    pixels, labels = load_digits(return_X_y=True)
    data = datasets.digits()
    assert len(data) == 1797
    assert data.classes == data.outputs == 10
    torch.testing.assert_close(data.inputs, torch.from_numpy(pixels / 16), rtol=0, atol=0)
    assert data.targets.tolist() == labels.tolist()


def test_fewer_digits_are_a_random_part_in_order():
    every, part = datasets.digits(), datasets.digits(100, seed=3)
    rows = {tuple(row): number for number, row in enumerate(every.inputs.tolist())}
    places = [rows[tuple(row)] for row in part.inputs.tolist()]
    assert len(part) == 100
    assert places == sorted(set(places))
    assert part.targets.tolist() == every.targets[places].tolist()
    assert part.inputs.tolist() != datasets.digits(100, seed=4).inputs.tolist()


@pytest.mark.parametrize("samples", [500, 7])
def test_moons_are_scikit_learns_without_noise(samples):
    points, labels = make_moons(samples - samples % 2, shuffle=False)
    data = datasets.moons(samples - samples % 2, noise=0.0)
    torch.testing.assert_close(data.inputs, torch.from_numpy(points))
    assert data.targets.tolist() == labels.tolist()
    assert len(datasets.moons(samples)) == samples


def test_circles_are_scikit_learns_without_noise():
    points, labels = make_circles(40, shuffle=False, factor=0.3)
    data = datasets.circles(40, noise=0.0, factor=0.3)
    torch.testing.assert_close(data.inputs, torch.from_numpy(points))
    assert data.targets.tolist() == labels.tolist()


@pytest.mark.parametrize("arms", [2, 3])
def test_arms_of_spirals_are_turned_copies(arms):
    data = datasets.spirals(30 * arms, noise=0.0, arms=arms, turns=1.25)
    first = torch.view_as_complex(data.inputs[:30])
    radius = first.abs()
    torch.testing.assert_close(radius, torch.arange(1, 31, dtype=torch.float64) / 30)
    unwound = first * torch.polar(torch.ones_like(radius), -2 * math.pi * 1.25 * radius)
    torch.testing.assert_close(unwound.imag, torch.zeros_like(radius), atol=1e-12, rtol=0)
    for arm in range(arms):
        rows = torch.view_as_complex(data.inputs[data.targets == arm])
        turn = torch.polar(
            torch.tensor(1.0, dtype=torch.float64), torch.tensor(2 * math.pi).double() * arm / arms
        )
        torch.testing.assert_close(rows, first * turn)


def test_samples_are_shared_among_the_arms():
    counts = datasets.spirals(11, arms=3).targets.bincount()
    assert counts.tolist() == [4, 4, 3]


def test_wave_is_a_sine():
    data = datasets.wave(9, noise=0.0, waves=0.5)
    x = torch.linspace(-1, 1, 9, dtype=torch.float64)[:, None]
    torch.testing.assert_close(data.inputs, x)
    torch.testing.assert_close(data.targets, torch.sin(math.pi * x / 2))
    assert data.classes == 0
    assert data.outputs == 1


@pytest.mark.parametrize("name", GENERATED)
def test_noise_has_the_size_asked_for(name):
    make = getattr(datasets, name)
    noisy, clean = make(4000, noise=0.3, seed=5), make(4000, noise=0.0, seed=5)
    part = "targets" if name == "wave" else "inputs"
    off = getattr(noisy, part) - getattr(clean, part)
    assert off.std().item() == pytest.approx(0.3, rel=0.05)
    assert off.mean().abs().item() < 0.02


@pytest.mark.parametrize("name", GENERATED)
def test_a_seed_gives_one_data_set(name):
    make = getattr(datasets, name)
    first = make(50, seed=1)
    make.cache_clear()
    assert torch.equal(make(50, seed=1).inputs, first.inputs)
    assert torch.equal(make(50, seed=1).targets, first.targets)
    part = "targets" if name == "wave" else "inputs"
    assert not torch.equal(getattr(make(50, seed=2), part), getattr(first, part))


def test_tensors_are_converted_once():
    data = datasets.moons(20)
    inputs, targets = data.on(torch.zeros(1, dtype=torch.float32))
    assert inputs.dtype == torch.float32
    assert targets.dtype == torch.int64
    again, _ = data.on(torch.zeros(3, dtype=torch.float32))
    assert again is inputs
    assert data.on(torch.zeros(1, dtype=torch.float64))[0].dtype == torch.float64

"""Constructors of optimizers, read as knobs."""

from collections.abc import Callable

import pytest
import torch

from lab.engine.optimizers.torch_arguments import constructor_arguments


def read(constructor: Callable) -> dict:
    return {a.name: a for a in constructor_arguments(type("T", (), {"__init__": constructor}), ())}


def test_types_come_from_declarations_and_defaults():
    def constructor(
        self, params, lr: float = 1, steps: int = 3, mode: str = "a", flag=False, weight=0, x=0.5
    ):
        pass

    found = read(constructor)
    assert {a.name: (a.types, a.defaults) for a in found.values()} == {
        "lr": ((float,), (1.0,)),
        "steps": ((int,), (3,)),
        "mode": ((str,), ("a",)),
        "flag": ((bool,), (False,)),
        "weight": ((float,), (0.0,)),
        "x": ((float,), (0.5,)),
    }
    assert found["weight"].value({"weight": 2.0}) == 2
    assert type(found["weight"].value({"weight": 2.0})) is int
    assert found["weight"].value({"weight": 0.5}) == 0.5
    assert type(found["lr"].value({"lr": 2.0})) is float


def test_tuples_are_taken_apart():
    def constructor(self, params, lr=1e-3, betas=(0.9, 0.99), eps=(None, 1e-3), names=("a", "b")):
        pass

    found = read(constructor)
    assert found["betas"].knobs == ("beta1", "beta2")
    assert found["betas"].value({"beta1": 0.5, "beta2": 0.6}) == (0.5, 0.6)
    assert found["eps"].knobs == ("eps1", "eps2")
    assert found["eps"].value({"eps1": -1.0, "eps2": 0.1}) == (None, 0.1)
    assert "names" not in found


def test_none_has_a_value_that_stands_for_it():
    def constructor(
        self, params, tries: int | None = None, search: str | None = None, clip: float | None = 2.0
    ):
        pass

    found = read(constructor)
    assert found["tries"].defaults == (-1,)
    assert found["tries"].value({"tries": -1}) is None
    assert found["tries"].value({"tries": 7}) == 7
    assert found["search"].value({"search": ""}) is None
    assert found["clip"].defaults == (2.0,)
    assert found["clip"].value({"clip": -1.0}) is None
    assert "; -1 for None" in found["tries"].fields("a.b", live=True)[0][1].__metadata__[0].doc


def test_what_cannot_be_a_knob_keeps_its_default():
    def constructor(self, params, lr=1e-3, foreach: bool | None = None, f=print, *args, **more):
        pass

    assert list(read(constructor)) == ["lr"]


def test_a_required_learning_rate_gets_a_default_and_others_are_asked_for():
    def constructor(self, params, lr):
        pass

    def demanding(self, params, lr, radius):
        pass

    assert read(constructor)["lr"].defaults == (1e-3,)
    with pytest.raises(ValueError, match="its argument 'radius' has no default value"):
        read(demanding)


def test_declarations_that_cannot_be_read_are_no_obstacle():
    def constructor(self, params, lr: "Missing" = 1e-3):  # noqa: F821
        pass

    assert read(constructor)["lr"].types == (float,)


def test_taken_names_get_an_underscore():
    arguments = constructor_arguments(torch.optim.SGD, {"momentum"})
    found = next(a for a in arguments if a.name == "momentum")
    assert found.knobs == ("momentum_",)
    assert found.value({"momentum_": 0.5}) == 0.5

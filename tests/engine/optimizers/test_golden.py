"""Every rule against the trajectories of other implementations."""

import json
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rule_cases import Formula, Network, path_of, quadratic, rosenbrock, running

from lab.engine.catalogue import catalogue
from lab.engine.layout import Layout
from lab.engine.problem import Problem

NAMES = tomllib.loads((Path(__file__).parents[2] / "golden_names.toml").read_text("utf-8"))
MAPPED = [name for name, item in NAMES.items() if "reason" not in item]


class Published(Formula):
    """A function of one variable with the gradient that its authors' notebook uses."""

    def __init__(self, gradient: Any):
        super().__init__(torch.zeros_like, 1)
        self._layout = Layout.of({"x": ()})
        self._gradient = gradient

    def evaluate_with_gradient(self, theta, batch=None):
        return torch.zeros_like(theta[:, 0]), self._gradient(theta)


def _f1(x: torch.Tensor) -> torch.Tensor:
    return torch.where(x <= 0, 2 * (x + 0.3), 2 * (x - 0.2))


def _f2(x: torch.Tensor) -> torch.Tensor:
    return torch.where(x <= -0.9, -40.0, x * torch.cos(8 * x) + torch.sin(8 * x) + 3 * x * x)


def _f3(x: torch.Tensor) -> torch.Tensor:
    pieces = [(-0.5, 2 * x), (-0.4, 1.0), (0.0, -7 / 8), (0.4, 7 / 8), (0.5, -1.0)]
    result = 2 * x
    for end, slope in reversed(pieces):
        result = torch.where(x <= end, slope, result)
    return result


@cache
def _files(folder: Path) -> tuple[dict, dict]:
    """The two golden files, the entries of the second under the keys of the first."""
    a, b = (json.loads((folder / f"optimizers_{part}.json").read_text()) for part in "ab")
    for entry in b["entries"]:
        entry["rows"] = entry["params"]
    return a, b


def _entries(folder: Path, name: str) -> list[tuple[dict, Problem]]:
    """The trajectories of a name, each with its problem."""
    a, b = _files(folder)
    data_a, data_b = a["problems"]["mlp"], b["mlp"]
    problems = {
        "rosenbrock": rosenbrock(),
        "quadratic": quadratic(),
        "diffgrad_F1": Published(_f1),
        "diffgrad_F2": Published(_f2),
        "diffgrad_F3": Published(_f3),
    }
    return [
        (entry, problems.get(entry["problem"]) or Network(data["X"], data["Y"]))
        for file, data in ((a, data_a), (b, data_b))
        for entry in file["entries"]
        if entry["name"] == name
    ]


@pytest.mark.parametrize("name", MAPPED)
def test_trajectory(golden, name):
    item = NAMES[name]
    entries = _entries(golden, name)
    assert entries
    for entry, problem in entries:
        rows = np.array(entry["rows"]).reshape(len(entry["rows"]), -1)
        knobs = {**item["knobs"], **item.get(entry["problem"], {})}
        lane = running(item["optimizer"], problem, start=rows[:1], plain=True, **knobs)
        path = path_of(lane, len(rows) - 1)[:, 0]
        apart = entry["max_abs_diff"]
        tolerance = 1e-9 if apart < 1e-11 else 10 * apart
        error = np.abs(path - rows) / np.maximum(1, np.abs(rows))
        assert error.max() < tolerance, (entry["problem"], error.max(1))


def test_every_name_of_a_rule_of_the_lab_is_mapped(golden):
    a, b = _files(golden)
    names = {entry["name"] for file in (a, b) for entry in file["entries"]}
    assert not NAMES.keys() - names, "names that no golden file has"
    missing = sorted((names - NAMES.keys()) & catalogue("optimizer").keys())
    assert not missing, f"golden names without a line in golden_names.toml: {missing}"


def test_lines_are_complete():
    for name, item in NAMES.items():
        assert item.get("reason") or {"optimizer", "knobs"} <= item.keys(), name

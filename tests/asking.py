"""Finished sessions that measurements are asked of."""

import lab
from lab.engine.session import Session


def two_lanes(**changes) -> Session:
    """Two rules on a surface of two variables, one of them with two runs."""
    lanes = [
        lab.Lane("sgd", lr=[1e-3, 2e-3], start=[[-1.0, 1.0], [1.5, 0.5]]),
        lab.Lane("adam", lr=0.02, start=[0.5, 0.5]),
    ]
    values = {"lanes": lanes, "steps": 30, "device": "cpu", "dtype": "float64", **changes}
    made = Session(lab.Experiment("himmelblau", **values))
    made.run()
    return made


def two_networks(**changes) -> Session:
    """Two rules on a small network."""
    lanes = [lab.Lane("sgd", lr=0.1), lab.Lane("adam", lr=0.01)]
    values = {"lanes": lanes, "steps": 6, "device": "cpu", **changes}
    made = Session(lab.Experiment({"name": "moons_mlp", "widths": [4]}, **values))
    made.run()
    return made

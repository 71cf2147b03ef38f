"""What a recording's header says: what the numbers depend on, and what views want to know."""

from typing import Any

import torch

from lab.engine.catalogue import catalogue
from lab.engine.problem import Problem
from lab.engine.versions import versions


def header(
    problem: Problem, device: torch.device, dtype: torch.dtype, threads: int
) -> dict[str, Any]:
    """Device, precision, threads and versions, and a description of the problem, as plain data."""
    return {
        "device": str(device),
        "dtype": str(dtype).removeprefix("torch."),
        "threads": threads,
        **versions(),
        "problem": described(problem),
    }


def described(problem: Problem) -> dict[str, Any]:
    """What a view wants to know of a problem, as plain data for the record's header."""
    return {
        "title": problem.title,
        "family": problem.family,
        "dim": problem.dim,
        "names": list(problem.layout.names),
        "shapes": [list(shape) for shape in problem.layout.shapes],
        "window": problem.window,
        "optima": [list(optimum) for optimum in problem.optima],
        "log_scale": problem.log_scale,
        "data": problem.data_text,
        "norm": problem.norm_text,
        "hessian_trouble": problem.hessian_trouble,
        "trouble": problem.trouble(),
        "unfit": _unfit(problem),
    }


def _unfit(problem: Problem) -> dict[str, str]:
    """Optimizers and probes that a problem does not allow: name -> reason.

    Torch's own classes are not asked: they load its compiler, which takes a second, and say what
    does not fit when a lane is made of them.
    """
    entries = [
        entry
        for kind in ("optimizer", "probe")
        for entry in catalogue(kind).values()
        if entry.factory is not None and entry.family != "torch"
    ]
    reasons = {entry.name: entry.factory.unfit(problem) for entry in entries}
    return {name: reason for name, reason in reasons.items() if reason}

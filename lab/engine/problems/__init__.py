"""The problems of the catalogue, and `problem`, which makes one of whatever a user has."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from lab.engine.catalogue import Choice, choose, reader
from lab.engine.knobs import check_keys, shown
from lab.engine.problem import Problem
from lab.engine.problems import (  # each enters its problems into the catalogue
    autoencoder,
    classics,
    cnn,
    deep_linear,
    files,
    formula,
    grokking,
    mlp,
    multimodal,
    onedim,
    pde,
    relu,
    several,
    surfaces,
    synthetic,
    two_heads,
    unconstrained,
)
from lab.engine.problems.functions import FunctionProblem
from lab.engine.problems.modules import module_problem

__all__ = [
    "autoencoder",
    "classics",
    "cnn",
    "deep_linear",
    "files",
    "formula",
    "grokking",
    "mlp",
    "multimodal",
    "onedim",
    "pde",
    "problem",
    "relu",
    "several",
    "surfaces",
    "synthetic",
    "two_heads",
    "unconstrained",
]


def problem(source: Any, **options: Any) -> Problem:
    """Make a problem of whatever a user has.

    Args:
        source: a name of the catalogue, a table `{"name": ..., knob: ...}`, a formula in x and y,
            a .py file (see `files`), a torch function (dim,) -> scalar, a torch.nn.Module, or a
            problem, which is returned as it is.
        **options: knobs of the entry; `dim`, `window` and `start` with a function (see
            `FunctionProblem`); `data`, `loss` and `batch_size` with a module (see
            `module_problem`).

    Returns:
        The problem.

    Raises:
        ValueError: an unknown name or option, or a source that is no problem.

    Example:
        >>> problem(lambda x: (x**2).sum(), dim=2).gradient([1.0, 2.0])
        array([2., 4.])
    """
    if isinstance(source, Problem):
        check_keys(options, [])
        return source
    if isinstance(source, nn.Module):
        check_keys(options, ["data", "loss", "batch_size"])
        return module_problem(source, **options)
    if isinstance(source, Path):
        source = {"name": "file", "path": str(source)}
    if isinstance(source, str | Mapping | Choice):
        chosen = choose("problem", source)
        return choose("problem", {"name": chosen.name, **chosen.knobs, **options}).make()
    if callable(source):
        check_keys(options, ["dim", "window", "start"])
        if "dim" not in options:
            raise ValueError("dim = ... is needed with a function: how many numbers it takes")
        return FunctionProblem(source, **options)
    raise ValueError(
        f"problem = {shown(source)}: a name of the catalogue, a formula, a file, a torch function "
        "or a torch.nn.Module is needed"
    )


@reader("problem")
def _read(text: str) -> str | dict[str, str]:
    """The path of a file, or a formula, as the table of the entry that reads it."""
    if text.endswith(".py"):
        return {"name": "file", "path": text}
    return {"name": "formula", "text": text} if formula.looks_like_formula(text) else text

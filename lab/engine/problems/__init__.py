"""The problems of the catalogue, and `problem`, which makes one of whatever a user has."""

from typing import Any

from lab.engine.catalogue import choose
from lab.engine.problem import Problem
from lab.engine.problems import surfaces

__all__ = ["problem", "surfaces"]


def problem(source: Any, **options: Any) -> Problem:
    """Make a problem."""
    return choose("problem", {"name": source, **options}).make()

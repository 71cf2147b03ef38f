"""A problem that a Python file defines.

The file is run, and must then hold a `problem`, which is one of

- a problem: `problem = lab.problem(module, data=(X, y), loss="cross_entropy")`,
- a function without arguments that returns one,
- a torch function of one vector, with the number of its variables beside it as `dim`, and, if
  wanted, `window` and `start` (see `FunctionProblem`).

Modules that lie in the file's own folder can be imported in it.
"""

import contextlib
import inspect
import sys
import traceback
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

from torch import nn

from lab.engine.catalogue import Choice, register
from lab.engine.knobs import Knob
from lab.engine.problem import Problem
from lab.engine.problems.functions import FunctionProblem


@register("problem", "file", title="Python file", family="function")
@dataclass(frozen=True)
class File:
    """A problem that a Python file of yours defines; making it gives the problem itself."""

    path: Annotated[str, Knob(doc="a .py file that defines `problem`")] = ""

    def __new__(cls, path: str = "") -> Problem:
        """Run the file, see `read_problem`."""
        problem = read_problem(path)
        origin = Choice("problem", "file", MappingProxyType({"path": path}))
        object.__setattr__(problem, "origin", origin)  # it may be a frozen dataclass
        return problem


def read_problem(path: str) -> Problem:
    """Run a file and take its problem.

    Args:
        path: of a .py file; a relative one is looked for in the working directory.

    Returns:
        The problem that the file defines, as the module's docstring says.

    Raises:
        ValueError: a file that cannot be read or run, or defines no problem; the message names the
            file and, where there is one, the line.
    """
    if not path:
        raise ValueError("path is needed: a .py file that defines `problem`")
    place = Path(path).expanduser()
    try:
        source = place.read_bytes()
    except OSError as error:
        name = place.name or str(place)
        raise ValueError(f"{name}: cannot be read: {error.strerror}") from error
    with _located(place):
        names = _run(place, source)
        return _problem_of(names)


def _run(place: Path, source: bytes) -> dict[str, Any]:
    """Run a file's text as a module of its own and return its names."""
    module = types.ModuleType(f"lab_file_{place.stem}")
    module.__file__ = str(place)
    sys.modules[module.__name__] = module  # dataclasses and pickling look their module up
    folder = str(place.resolve().parent)
    sys.path.insert(0, folder)
    try:
        exec(compile(source, str(place), "exec"), module.__dict__)
    finally:
        with contextlib.suppress(ValueError):  # the file may have taken it out itself
            sys.path.remove(folder)
    return module.__dict__


def _problem_of(names: dict[str, Any]) -> Problem:
    """The problem among a file's names.

    Raises:
        ValueError: there is none.
    """
    found = names.get("problem")
    if callable(found) and not isinstance(found, Problem | nn.Module):
        if not _takes_arguments(found):
            found = found()
        elif "dim" in names:
            options = {key: names[key] for key in ("window", "start") if key in names}
            found = FunctionProblem(found, names["dim"], **options)
        else:
            raise ValueError(
                "`dim = ...`, the number of its variables, is needed beside the function `problem`"
            )
    if not isinstance(found, Problem):
        kind = type(found).__name__
        what = f"`problem` is of type {kind}" if "problem" in names else "no `problem`"
        raise ValueError(
            f"{what}; `problem = lab.problem(...)`, a function that returns one, or a torch "
            "function with `dim` is needed"
        )
    return found


def _takes_arguments(function: Any) -> bool:
    """Whether a function must be given something."""
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(function).parameters.values()
    return any(p.kind in positional and p.default is p.empty for p in parameters)


@contextlib.contextmanager
def _located(place: Path) -> Iterator[None]:
    """Turn whatever a file raises into one sentence with the file's name and line."""
    try:
        yield
    except (Exception, SystemExit) as error:
        line = error.lineno if isinstance(error, SyntaxError) else _line_in(place, error)
        text = error.msg if isinstance(error, SyntaxError) else str(error).partition("\n")[0]
        speaks = isinstance(error, ValueError | SyntaxError) and text
        where = f"{place.name}, line {line}" if line else place.name
        kind = "" if speaks else f"{type(error).__name__}: "
        raise ValueError(f"{where}: {kind}{text}") from error


def _line_in(place: Path, error: BaseException) -> int:
    """The line of a file where an error, or what caused it, came from; 0 if from elsewhere."""
    line, cause = 0, error
    while cause is not None:
        frames = traceback.extract_tb(cause.__traceback__)
        line = next((f.lineno for f in reversed(frames) if f.filename == str(place)), line)
        cause = cause.__cause__
    return line

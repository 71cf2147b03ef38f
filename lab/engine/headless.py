"""Run an experiment to its end without a window."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from lab.engine.device import threads
from lab.engine.experiment import Experiment
from lab.engine.knobs import shown
from lab.engine.recording import Recording
from lab.engine.session import Session


def run(
    experiment: Experiment | str | Path,
    to: str | Path | None = None,
    progress: Callable[[int, int], Any] | None = None,
) -> Recording:
    """Run an experiment to its end.

    Args:
        experiment: an Experiment, or the path of a TOML file.
        to: a `.lab` file to record into; what is recorded is there even if the process is killed.
        progress: is told the step reached and the last step, about four times a second.

    Returns:
        The recording.

    Raises:
        ValueError: something in the experiment or its file that is not allowed here.
        OSError: the file cannot be written.

    Example:
        >>> from lab.engine.experiment import Lane
        >>> rec = run(Experiment("rosenbrock", [Lane("adam", start=[-1.5, 2.0])], steps=30))
        >>> rec.theta("adam").shape
        (31, 1, 2)
    """
    if not isinstance(experiment, Experiment | str | Path):
        raise ValueError(f"experiment = {shown(experiment)}: an Experiment or a file is needed")
    if not isinstance(experiment, Experiment):
        experiment = Experiment.load(experiment)
    with threads(torch.get_num_threads()):  # a session changes the number
        return Session(experiment, path=to).run(progress)

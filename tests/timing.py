"""Times pieces of work beside each other, for the benchmarks."""

import statistics
import time
from collections.abc import Callable
from typing import Any


def seconds(*works: Callable[[], Any], rounds: int = 5) -> list[float]:
    """Median seconds of each piece of work, taken in turns so that all see the same machine."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for work, taken in zip(works, times, strict=True):
            begin = time.perf_counter()
            work()
            taken.append(time.perf_counter() - begin)
    return [statistics.median(taken) for taken in times]

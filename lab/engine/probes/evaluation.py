"""Loss and metrics on all data: what a run on mini-batches is really worth."""

from dataclasses import dataclass

import torch

from lab.engine.analysis.base import Progress, Steps
from lab.engine.analysis.sampling import points_in_block, values_at
from lab.engine.catalogue import register
from lab.engine.probes.base import Measurement, Probe, Sight
from lab.engine.problem import Problem


@register("probe", "evaluation", title="Evaluation")
@dataclass(frozen=True)
class Evaluation(Probe):
    """The loss of every run on all data, and the problem's own metrics.

    Arrays: `loss` (runs,) and one array (runs,) for each metric; NaN for runs that diverged.
    """

    def measure(self, problem: Problem, sight: Sight) -> Steps[Measurement]:
        """Evaluate the runs that go on, a block at a time."""
        rows = sight.theta
        arrays = {"loss": rows.new_full((len(rows),), torch.nan)}
        block = points_in_block(problem, rows)
        alive = sight.alive
        for first in range(0, len(alive), block):
            part = alive[first : first + block]
            arrays["loss"][part] = values_at(problem, rows[part])
            with torch.no_grad():
                found = problem.metrics(rows[part])
            for name, values in found.items():
                empty = torch.full_like(arrays["loss"], torch.nan)
                arrays.setdefault(name, empty)[part] = values.to(rows)
            yield Progress(min(1.0, (first + block) / len(alive)))
        info = {"evaluations": len(alive), "data": problem.data_text}
        return Measurement({name: array.cpu().numpy() for name, array in arrays.items()}, info)

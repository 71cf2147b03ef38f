"""Loss and metrics on all data: what a run on mini-batches is really worth."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch

from lab.engine.analysis.base import Progress, Steps
from lab.engine.analysis.sampling import in_blocks, points_in_block, values_and_metrics_at
from lab.engine.catalogue import register
from lab.engine.overview import summary
from lab.engine.probes.base import Measurement, Probe, Series, Sight
from lab.engine.problem import Problem


@register("probe", "evaluation", title="Evaluation", family="Loss")
@dataclass(frozen=True)
class Evaluation(Probe):
    """The loss of every run on all data, and the problem's own metrics.

    Arrays: `loss` (runs,) and one array (runs,) for each metric; NaN for runs that diverged. Info:
    the median over runs of each, and of several runs `..._low` and `..._high`, their 10 and 90 %
    points.
    """

    tracks: ClassVar[tuple[Series, ...]] = (
        Series("loss", "loss on all data", log=True, doc="median over runs, 10 to 90 %"),
        Series("accuracy", "accuracy", doc="part of all samples put into the right class"),
        Series("rmse", "error", log=True, doc="root mean square error on all data"),
    )

    def measure(self, problem: Problem, sight: Sight) -> Steps[Measurement]:
        """Evaluate the runs that go on, a block at a time."""
        rows = sight.theta
        arrays = {"loss": rows.new_full((len(rows),), torch.nan)}
        alive = sight.alive

        def work(part: slice) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
            return values_and_metrics_at(problem, rows[alive[part]])

        for part, (loss, metrics) in in_blocks(work, len(alive), points_in_block(problem, rows)):
            arrays["loss"][alive[part]] = loss
            for name, values in metrics.items():
                empty = torch.full_like(arrays["loss"], torch.nan)
                arrays.setdefault(name, empty)[alive[part]] = values.to(rows)
            yield Progress(part.stop / len(alive))
        info = {"evaluations": len(alive), "data": problem.data_text}
        found = {name: array.cpu().numpy() for name, array in arrays.items()}
        for name, array in found.items():
            low, middle, high = summary(array[None])[0].tolist()
            info[name] = middle
            if len(array) > 1:
                info |= {f"{name}_low": low, f"{name}_high": high}
        return Measurement(found, info)

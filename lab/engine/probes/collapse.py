"""Neural collapse along a run."""

from dataclasses import dataclass
from typing import ClassVar

from lab.engine.analysis.base import Progress, Steps
from lab.engine.analysis.collapse import neural_collapse
from lab.engine.analysis.parts import part_of
from lab.engine.catalogue import register
from lab.engine.probes.base import Measurement, Probe, Series, Sight
from lab.engine.problem import Problem


@register(
    "probe",
    "neural_collapse",
    title="Neural collapse",
    formula=r"\mathrm{NC1} = \mathrm{tr}(\Sigma_W \Sigma_B^+)/K",
    paper="Papyan, Han & Donoho 2020, arXiv 2008.08186; Dang et al. 2023, arXiv 2301.00437",
    family="Training regime",
    look="NC1 to NC3 fall towards 0 long after all samples are fitted; NC4 comes to 1.",
)
@dataclass(frozen=True)
class NeuralCollapseProbe(Probe):
    """How far the last layer and what it sees are from a simplex, or from orthogonal vectors.

    Looked at is the first run of the lane that goes on, on all data. Which frame it goes to follows
    from the network: a simplex where the last layer has a bias, else orthogonal vectors.

    Info: `nc1` to `nc4`, `nc2_features` (not for the means of two classes, which always are a
    simplex), `imbalance`, `frame`, and `samples`.
    """

    tracks: ClassVar[tuple[Series, ...]] = (
        Series("nc1", "NC1", log=True, doc="spread within classes over that between them"),
        Series("nc2", "NC2", log=True, doc="the weights' distance from the frame"),
        Series("nc3", "NC3", log=True, doc="distance of weights times class means from the frame"),
        Series("nc4", "NC4", doc="part of the samples scored as the nearest class mean says"),
        Series("nc2_features", "NC2 of features", log=True, doc="the class means' distance"),
    )

    def measure(self, problem: Problem, sight: Sight) -> Steps[Measurement]:
        """Measure one run."""
        run = sight.alive[0]
        layer = problem.last_layer(sight.theta[run : run + 1])
        yield Progress(0.5)
        bias = None if layer.bias is None else layer.bias[0]
        given = layer.features[0], layer.labels, layer.weight[0], problem.collapse_frame, bias
        found = yield from part_of(neural_collapse.steps(*given), 0.5, 0.5)
        info = {"run": run, "frame": problem.collapse_frame, "samples": len(layer.labels)}
        names = ["nc1", "nc2", "nc3", "nc4", "imbalance"]
        if len(layer.weight[0]) > 2 or problem.collapse_frame != "simplex":
            names.append("nc2_features")
        return Measurement({}, {**info, **{name: getattr(found, name) for name in names}})

    @classmethod
    def unfit(cls, problem: Problem) -> str:
        """Why there is no last layer to look at."""
        if problem.collapse_frame:
            return ""
        return "neural collapse needs classes, and a last layer that scores them linearly"

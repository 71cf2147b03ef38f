"""Losses of class targets: C scores (logits) z against the number y of the right class.

Below, p = softmax(z) and p_y is its entry for the right class.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import torch
from torch.nn import functional

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.loss import SampleLoss
from lab.engine.noise import Noise


def negative_log_probability(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """-log p_y of every sample: outputs (..., N, C), targets (..., N) -> (..., N)."""
    if outputs.ndim == 2:
        return functional.cross_entropy(outputs, targets, reduction="none")
    # Classes before samples: sums over few classes are several times faster across than along.
    scores = outputs.flatten(0, -3).mT
    targets = targets.expand(outputs.shape[:-1]).flatten(0, -2)
    each = functional.cross_entropy(scores, targets, reduction="none")
    return each.view(outputs.shape[:-1])


@register(
    "loss",
    "cross_entropy",
    family="classification",
    formula=r"-\log p_y, \quad p = \mathrm{softmax}(z)",
    paper="Good 1952, Journal of the Royal Statistical Society B 14(1)",
)
@dataclass(frozen=True)
class CrossEntropy(SampleLoss):
    """Surprise at the right class; as torch.nn.CrossEntropyLoss."""

    targets = "class"
    likelihood_trouble = ""

    def samples(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """See the formula."""
        return negative_log_probability(outputs, targets)

    def bending(
        self, outputs: torch.Tensor, targets: torch.Tensor
    ) -> Callable[[torch.Tensor], torch.Tensor]:
        """For each sample (diag p - p pᵀ) / N, whatever its class."""
        # Classes before samples, as above.
        p = outputs.detach().mT.contiguous().softmax(-2).mT.contiguous()
        share = p / p.shape[-2]

        def bend(weight: torch.Tensor) -> torch.Tensor:
            each = share * weight
            return each.addcmul_(p, each.sum(-1, keepdim=True), value=-1)

        return bend

    def draw_targets(self, outputs: torch.Tensor, noise: Noise, what: str) -> torch.Tensor:
        """Classes (runs, N) drawn with the probabilities p, by where they add up to a number."""
        reached = outputs.softmax(-1).cumsum(-1)  # (runs, N, C)
        level = noise.uniform(what, outputs, outputs.shape[1:2])[..., None] * reached[..., -1:]
        return (reached[..., :-1] <= level).sum(-1)

    def fisher_root(self, outputs: torch.Tensor) -> torch.Tensor:
        """Of class c: √p_c (p - e_c)."""
        p = outputs.softmax(-1)
        classes = torch.eye(p.shape[-1], dtype=p.dtype, device=p.device)[:, None, None]
        return (p - classes) * p.movedim(-1, 0)[..., None].sqrt()


@register(
    "loss",
    "focal",
    family="classification",
    formula=r"-(1 - p_y)^{\gamma}\,\log p_y",
    paper="Lin et al. 2017, arXiv 1708.02002, eq. 4",
)
@dataclass(frozen=True)
class Focal(SampleLoss):
    """Cross-entropy that turns away from samples already right.

    The factor (1 - p_y)^γ is differentiated with the rest, as the formula says; some published code
    holds it constant. There are no class weights.
    """

    gamma: Annotated[float, Knob(0, 10, symbol="γ", doc="0 is cross-entropy")] = 2.0

    targets = "class"

    def samples(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """See the formula."""
        surprise = negative_log_probability(outputs, targets)
        # Kept off zero: the power has no finite slope there if γ < 1.
        wrong = (-torch.expm1(-surprise)).clamp_min(torch.finfo(outputs.dtype).tiny)
        return wrong**self.gamma * surprise


@register(
    "loss",
    "generalized_cross_entropy",
    title="Generalised cross-entropy",
    family="classification",
    formula=r"(1 - p_y^{\,q}) / q",
    paper="Zhang & Sabuncu 2018, arXiv 1805.07836, eq. 6",
)
@dataclass(frozen=True)
class GeneralizedCrossEntropy(SampleLoss):
    """From cross-entropy (q to 0) to 1 - p_y (q = 1), whose bound limits what wrong labels do."""

    q: Annotated[float, Knob(0, 1, excluded="low", symbol="q", doc="1 is bounded and linear")] = 0.7

    targets = "class"

    def samples(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """See the formula."""
        return -torch.expm1(-self.q * negative_log_probability(outputs, targets)) / self.q


@register(
    "loss",
    "poly1",
    title="Poly-1",
    family="classification",
    formula=r"-\log p_y + \epsilon\,(1 - p_y)",
    paper="Leng et al. 2022, arXiv 2204.12511, eq. 6",
)
@dataclass(frozen=True)
class Poly1(SampleLoss):
    """Cross-entropy with the first coefficient of its series in 1 - p_y moved by ε."""

    epsilon: Annotated[
        float, Knob(-1, 20, symbol="ε", slider=(-1, 5), doc="0 is cross-entropy")
    ] = 1.0

    targets = "class"

    def samples(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """See the formula."""
        surprise = negative_log_probability(outputs, targets)
        return surprise - self.epsilon * torch.expm1(-surprise)

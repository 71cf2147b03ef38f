"""How a rule answers a small displacement: what decides how much curvature its steps can stand."""

from typing import NamedTuple

import torch


class Response(NamedTuple):
    """A rule near a resting point, with its preconditioner held where it is.

    Its step is x' = (1 - shrink) x - rate · D⁻¹ M(g + decay · x), with D the diagonal `divisor` and
    M what momentum makes of the gradients. Along an eigenvector of D^{-1/2} (H + decay I) D^{-1/2}
    that grows as soon as a displacement whose sign alternates does not shrink any more, which is at
    the eigenvalue `limit`. For Adam, with the correction of its average within D, this is the
    preconditioned sharpness and its 38/η at β₁ = 0.9 of Cohen et al. 2022, arXiv 2207.14484,
    section 3.

    Attributes:
        rate: (runs, 1), η.
        gain: (runs, 1), how much momentum lets through of a gradient whose sign alternates, see
            `lab.engine.limits`.
        formula: the limit in the letters of the knobs.
        divisor: (runs, dim), None where coordinates are not scaled.
        decay: (runs, 1), weight decay that is added to the gradient; None for none.
        shrink: (runs, 1), the share of the parameters that decoupled decay takes; None for none.
    """

    rate: torch.Tensor
    gain: torch.Tensor
    formula: str
    divisor: torch.Tensor | None = None
    decay: torch.Tensor | None = None
    shrink: torch.Tensor | None = None

    @property
    def limit(self) -> torch.Tensor:
        """(runs, 1), the largest eigenvalue at which the steps do not grow."""
        stands = 2.0 if self.shrink is None else 2.0 - self.shrink
        return stands / (self.rate * self.gain)

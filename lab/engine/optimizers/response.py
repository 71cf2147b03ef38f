"""How a rule answers a small displacement: what decides how much curvature its steps can stand."""

from collections.abc import Callable
from typing import NamedTuple

import torch

Root = Callable[[torch.Tensor, int], torch.Tensor]  # vectors (n, dim), run -> (n, dim)

# Why rules have no such limit: sentences for `Rule.no_limit`.
ANOTHER_FUNCTION = (
    "The steps go down another function than the loss whose curvature is measured, so no limit is "
    "known."
)
AVERAGED_POINTS = (
    "Gradients are taken at averages whose weights change from step to step, so no limit is known."
)
BY_CURVATURE = (
    "Steps are divided by the curvature that is found, so no curvature is too large for them."
)
FIXED_LENGTH = (
    "Steps are as long as η says, however steep it is: no curvature makes them grow. Where they "
    "end they hop to and fro by that length, half of it to either side, or further where momentum "
    "lags."
)
FROM_VALUES = (
    "Values at random points are compared and no gradient is followed, so no curvature limits the "
    "steps."
)
KEPT_IN_A_SET = (
    "Steps are bent to stay within a set, so the curvature of the loss alone sets no limit."
)
NOT_LOOKED_INTO = "The package's own code makes the steps, and does not say what they stand."
SEVERAL_LOSSES = (
    "The gradients of several losses are turned against each other, so no single Hessian sets a "
    "limit."
)
UPHILL = (
    "Where the look uphill goes depends on more than the Hessian's eigenvalues, so they set no "
    "limit."
)
WORKERS = (
    "Each run has data of its own and is drawn towards its neighbours, so no single Hessian sets a "
    "limit."
)


class Response(NamedTuple):
    """A rule near a resting point, with its preconditioner held where it is.

    Its step is x' = (1 - shrink) x - rate · P⁻¹ M(g + decay · x), with P the preconditioner and M
    what momentum makes of the gradients. Along an eigenvector of P^{-1/2} (H + decay I) P^{-1/2}
    that grows as soon as a displacement whose sign alternates does not shrink any more, which is at
    the eigenvalue `limit`. For Adam, with the correction of its average within P, this is the
    preconditioned sharpness and its 38/η at β₁ = 0.9 of Cohen et al. 2022, arXiv 2207.14484,
    section 3. Step sizes that a rule finds for itself, and norms that it divides by, are held too.

    Attributes:
        rate: (runs, 1), η.
        gain: (runs, 1), how much momentum lets through of a gradient whose sign alternates, see
            `lab.engine.limits`.
        formula: the limit in the letters of the knobs.
        divisor: (runs, dim), P where it is diagonal; infinite for coordinates that stand still,
            None where coordinates are not scaled.
        root: multiplies by P^{-1/2} where that is a matrix, in place of `divisor`.
        decay: (runs, 1), weight decay that is added to the gradient; None for none.
        shrink: (runs, 1), the share of the parameters that decoupled decay takes; None for none.
        ascent: (runs, 1), a, for a rule that takes the gradient at x + a g, None for others: there
            H + aH² is in the place of H (Long & Bartlett 2023, arXiv 2309.12488).
    """

    rate: torch.Tensor
    gain: torch.Tensor
    formula: str
    divisor: torch.Tensor | None = None
    root: Root | None = None
    decay: torch.Tensor | None = None
    shrink: torch.Tensor | None = None
    ascent: torch.Tensor | None = None

    @property
    def limit(self) -> torch.Tensor:
        """(runs, 1), the largest eigenvalue at which the steps do not grow."""
        stands = 2.0 if self.shrink is None else 2.0 - self.shrink
        whole = stands / (self.rate * self.gain)
        if self.ascent is None:
            return whole
        decay = 0.0 if self.decay is None else self.decay
        # the λ with λ + aλ² + decay = whole, in a form that keeps its digits for small a
        left = whole - decay
        return 2 * left / (1 + (1 + 4 * self.ascent * left).sqrt()) + decay

    @property
    def scales(self) -> bool:
        """Whether a preconditioner stands between the Hessian and the steps."""
        return self.divisor is not None or self.root is not None

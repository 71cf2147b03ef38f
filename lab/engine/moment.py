"""A lane just before a step: all that is needed to look into that step without making it."""

from typing import Any, NamedTuple

import torch

from lab.engine.optimizers.parts import Parts
from lab.engine.optimizers.response import Response
from lab.engine.optimizers.rule import Rule
from lab.engine.oracle import Oracle


class Moment(NamedTuple):
    """Where a lane stands, with copies of what looking would change.

    Attributes:
        step: the last step made.
        theta: (runs, dim), the points there.
        state: of the rule.
        rule: bound to the knobs that hold for the next step.
        oracle: on the mini-batch of the next step.
    """

    step: int
    theta: torch.Tensor
    state: Any
    rule: Rule
    oracle: Oracle

    def look(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Loss (runs,) and gradient (runs, dim) that the next step begins with."""
        return self.oracle.value_and_gradient(self.theta)

    def parts(self) -> Parts:
        """The parts of the next step: name -> (runs, dim). It can be asked for once."""
        with torch.no_grad():
            return self.rule.parts(self.theta, self.state, self.oracle)

    def response(self) -> Response | str:
        """How the next step answers curvature, or why that is unknown. It can be asked for once."""
        with torch.no_grad():
            return self.rule.response(self.theta, self.state, self.oracle)

"""Knobs that several probes share."""

from typing import Annotated, Literal

from lab.engine.knobs import Knob

Matrix = Annotated[
    Literal["hessian", "ggn", "rest", "fisher", "ntk"],
    Knob(
        doc="which matrix: Hessian, Gauss–Newton, Hessian less Gauss–Newton, empirical Fisher, "
        "tangent kernel"
    ),
]

"""What an experiment says about its measurements along the way: plain data, checked when made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lab.engine.catalogue import Entry, accept_unknown, changed_knobs, choose, find, located
from lab.engine.knobs import shown
from lab.engine.plan_checks import check_count, check_table, check_there

# What probes are listed under, in this order; each says as its `family` which of them it is in.
GROUPS = (
    "Loss",
    "Curvature",
    "Stability & sharpness",
    "Geometry",
    "Connectivity",
    "Training regime",
    "Expressivity",
    "Topology",
)


@dataclass(frozen=True)
class ProbePlan:
    """Measure something along the way.

    Attributes:
        name: a probe of the catalogue.
        every: steps from one measurement to the next.
        knobs: the probe's own knobs.
    """

    name: str
    every: int = 20
    knobs: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        """Check name, cadence and knobs, and fill in defaults.

        Raises:
            ValueError: a value that is not allowed.
        """
        with located(f"probe {shown(self.name)}"):
            object.__setattr__(self, "every", check_count("every", self.every))
            check_table("knobs", self.knobs)
        choice = choose("probe", {**self.knobs, "name": self.name})
        object.__setattr__(self, "knobs", choice.knobs)

    def make(self) -> Any:
        """Build the probe.

        Raises:
            ValueError: the entry cannot be used here.
        """
        return self.entry.make(**self.knobs)

    @property
    def entry(self) -> Entry:
        """The probe's line of the catalogue; one that cannot be used if it is not installed."""
        with accept_unknown():
            return find("probe", self.name)

    def to_data(self) -> dict[str, Any]:
        """Plain data for a file."""
        return {"name": self.name, "every": self.every, **changed_knobs(self.entry, self.knobs)}

    @classmethod
    def from_data(cls, data: Any) -> "ProbePlan":
        """The inverse of `to_data`; a name alone is enough.

        Raises:
            ValueError: a missing, unknown or wrong entry.
        """
        if isinstance(data, str):
            return cls(data)
        check_there("name", data)
        knobs = {key: value for key, value in data.items() if key not in ("name", "every")}
        return cls(data["name"], data.get("every", 20), knobs)

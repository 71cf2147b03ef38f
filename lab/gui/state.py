"""What the user looks at: cursor, selection, visible lanes. Evented, and without Qt."""

from dataclasses import dataclass, field
from typing import ClassVar

from psygnal import SignalGroupDescriptor


@dataclass
class ViewState:
    """What the views have in common. Setting a field tells everyone who listens to it.

    Attributes:
        cursor: the step that is shown.
        follow: whether the cursor stays with the play head.
        lane: the selected lane, empty for none.
        run: the selected run of that lane.
        hidden: lanes that are not drawn.
        dark: whether the dark theme is on.
        plane: the plane the landscape is drawn on, one of the engine's `PLANES`.
        scaling: how random directions are scaled: "filter", "layer" or "none".
        bias: what biases and norm layers get of them: "zero" or "code", a copy of themselves.
        layer: what the colours are: "loss", "metric", "largest", "smallest" or "ratio".
        log_scale: whether the landscape is drawn on a logarithmic scale.
        colour_map: of the landscape, one of `COLOUR_MAPS`.
        basins: whether the map of basins lies over the landscape.
        arrows: whether the landscape has the parts of the next step as arrows.
        pair: two runs, lane and number each, that are looked at together; None for none chosen.
        critical: whether the critical points of its surface are marked on the landscape.
        marked: a point of a problem of two variables that was chosen in another panel.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    cursor: int = 0
    follow: bool = True
    lane: str = ""
    run: int = 0
    hidden: frozenset[str] = field(default_factory=frozenset)
    dark: bool = True
    plane: str = "native"
    scaling: str = "filter"
    bias: str = "zero"
    layer: str = "loss"
    log_scale: bool = False
    colour_map: str = "viridis"
    basins: bool = False
    arrows: bool = False
    pair: tuple[tuple[str, int], tuple[str, int]] | None = None
    critical: bool = False
    marked: tuple[float, float] | None = None

    def shows(self, lane: str) -> bool:
        """Whether a lane is drawn."""
        return lane not in self.hidden

    def toggle(self, lane: str) -> None:
        """Show a hidden lane, hide a shown one."""
        self.hidden = self.hidden ^ {lane}

"""What of a recording is exported, and how."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from lab.engine.export.figures import PANELS
from lab.engine.export.style import Style
from lab.engine.export.video import Film
from lab.engine.knobs import check_name
from lab.engine.plan_checks import check_step


@dataclass(frozen=True)
class Options:
    """What of a recording is exported, and how.

    Attributes:
        step: the step that figures look at and videos end with; the newest one if not given.
        lanes: which lanes; all if not given.
        panels: which figures, of PANELS.
        theme: "light" or "dark".
        size: width and height of figures in inches; each figure has its own if not given.
        dpi: pixels an inch, where there are pixels.
        film: length and size of videos; each kind has its own if not given.
    """

    step: int | None = None
    lanes: Sequence[str] | None = None
    panels: Sequence[str] = PANELS
    theme: str = "light"
    size: tuple[float, float] | None = None
    dpi: int = 200
    film: Film | None = None

    def __post_init__(self):
        """Check names and numbers.

        Raises:
            ValueError: an unknown panel or theme, or a number that makes no figure.
        """
        for panel in self.panels:
            check_name(panel, PANELS, "panel")
        if self.step is not None:
            check_step(self.step)
        Style(self.theme, self.size, self.dpi)

    @property
    def style(self) -> Style:
        """How figures are drawn."""
        return Style(self.theme, self.size, self.dpi)

    def changed(self) -> dict[str, object]:
        """What differs from the defaults, but for videos: what a script needs to say."""
        found = {item.name: getattr(self, item.name) for item in fields(self)}
        return {k: v for k, v in found.items() if k != "film" and v != getattr(Options, k)}

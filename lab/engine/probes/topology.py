"""The topology of the landscape: its basins, its holes, its critical points."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np

from lab.engine.analysis.base import Steps, to_numpy
from lab.engine.analysis.grid import LossSurface
from lab.engine.analysis.parts import part_of
from lab.engine.analysis.planes import native_plane, random_plane
from lab.engine.analysis.surface import on_grid
from lab.engine.analysis.surface_points import critical_points
from lab.engine.analysis.topology import barcode, basins
from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.probes.base import Measurement, Probe, Series, Sight
from lab.engine.problem import Problem
from lab.engine.userarrays import as_tensor

MOST = 1000  # bars on record: the most persistent ones


@register(
    "probe",
    "topology",
    title="Topology of a plane",
    formula=r"\mathrm{pers} = f(\mathrm{saddle}) - f(\mathrm{minimum})",
    paper="Edelsbrunner, Letscher & Zomorodian 2002, Discrete & Computational Geometry 28",
    family="Topology",
)
@dataclass(frozen=True)
class Topology(Probe):
    """Basins, holes and critical points of the loss on a plane, on all data.

    For a problem of two variables the plane is its own window; for others it is a random
    filter-normalised one through the first run of the lane that goes on, the same at every step.

    Arrays: of the basins `birth`, `death`, `elder`, `area`, `below` (n,), `minimum` and `saddle`
    (n, 2) as coordinates; `holes` (m, 2), birth and death; of the critical points `points` (k, 2)
    as coordinates, `point_loss`, `point_index`, `point_winding`, `point_slope` (k,); `window`
    (2, 2) of the coordinates.
    """

    points: Annotated[
        int, Knob(5, 801, scale="log", doc="along each side, where the variables are the axes")
    ] = 129
    widen: Annotated[
        float, Knob(1e-3, 1e3, scale="log", doc="how many times as wide as the problem's window")
    ] = 1.0
    plane_points: Annotated[
        int, Knob(5, 801, scale="log", doc="along each side of a plane through many parameters")
    ] = 25
    span: Annotated[
        float, Knob(1e-6, 1e3, scale="log", doc="half a side of such a plane, in its directions")
    ] = 1.0

    tracks: ClassVar[tuple[Series, ...]] = (
        Series(
            "basins", "basins", doc="minima of the loss on the plane that another joins, and one"
        ),
        Series("smad", "mean depth", "loss", log=True, doc="of all basins that join another"),
    )

    def measure(self, problem: Problem, sight: Sight) -> Steps[Measurement]:
        """Measure the plane at one run."""
        run = sight.alive[0]
        theta = sight.theta[run]
        if problem.dim == 2 and problem.window is not None:
            plane, points = native_plane(problem, theta), self.points
            window = tuple(_widened(*ends, self.widen) for ends in problem.window)
        else:
            plane = random_plane(problem, theta, seed=sight.seed)
            window, points = self.span, self.plane_points
        surface = yield from part_of(on_grid(problem, plane, window, points), 0.0, 0.8)
        found = yield from part_of(measure_topology(surface, problem), 0.8, 0.2)
        return Measurement(found.arrays, {"run": run, **found.info})

    @classmethod
    def unfit(cls, problem: Problem) -> str:
        """Why there is no plane."""
        return "" if problem.dim > 1 else "a plane needs at least 2 parameters; this problem has 1"


def measure_topology(surface: LossSurface, problem: Problem | None) -> Steps[Measurement]:
    """The measurement of `Topology` on a surface.

    Its info: `basins` and `holes`, how many there are, those left out of the arrays included;
    `smad`; `low` and `top`, the lowest and highest loss; `inside`, how many grid points have one;
    `nx`, `ny`; `refined`, whether derivatives led to the critical points; `kind` and `text` of the
    plane.

    Args:
        surface: complete.
        problem: whose loss it is; None where it cannot be evaluated.
    """
    x, y, loss = (as_tensor(part) for part in (surface.x, surface.y, surface.loss))
    found = yield from part_of(basins.steps(loss), 0.0, 0.2)
    bars = yield from part_of(barcode.steps(loss), 0.2, 0.2)
    exact = critical_points.steps(loss, x, y, problem, surface.plane)
    points = yield from part_of(exact, 0.4, 0.6)
    found, bars, points = (to_numpy(part) for part in (found, bars, points))
    x, y, loss = (part.cpu().double().numpy() for part in (x, y, loss))
    finite = loss[np.isfinite(loss)]
    arrays = {
        **_tallest(found),
        "minimum": _coordinates(found.minimum[:MOST], x, y),
        "saddle": _coordinates(found.saddle[:MOST], x, y),
        "holes": bars.h1[:MOST],
        "points": np.stack([points.x, points.y], axis=1),
        "point_loss": points.loss,
        "point_index": points.index,
        "point_winding": points.winding,
        "point_slope": points.slope,
        "window": np.array([[x[0], x[-1]], [y[0], y[-1]]]),
    }
    info: dict[str, Any] = {
        "basins": len(found.birth),
        "holes_found": len(bars.h1),
        "smad": found.smad,
        "low": float(finite.min()) if len(finite) else float("nan"),
        "top": float(finite.max()) if len(finite) else float("nan"),
        "inside": int(found.area.sum()),
        "nx": len(x),
        "ny": len(y),
        "refined": points.refined,
        "kind": surface.plane.kind,
        "text": surface.plane.text,
    }
    return Measurement(arrays, info)


def _widened(low: float, high: float, factor: float) -> tuple[float, float]:
    """A range around the same middle, so many times as wide."""
    middle, half = (low + high) / 2, factor * (high - low) / 2
    return middle - half, middle + half


def _tallest(found: Any) -> dict[str, np.ndarray]:
    """The most persistent basins; the area of the others is added to what they join."""
    area, elder = found.area.copy(), found.elder
    for row in np.argsort(found.death, kind="stable").tolist():
        if row >= MOST and elder[row] >= 0:
            area[elder[row]] += area[row]
    names = ("birth", "death", "elder", "below")
    return {"area": area[:MOST], **{name: getattr(found, name)[:MOST] for name in names}}


def _coordinates(places: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Coordinates (n, 2) of grid indices (n, 2), row and column; NaN where there are none."""
    at = np.stack([x[places[:, 1]], y[places[:, 0]]], axis=1)
    return np.where(places < 0, np.nan, at)

"""What is true about the landscape's picture: the words of the strip under it. Qt-free."""

from typing import Any

import numpy as np

from lab.gui.state import ViewState
from lab.gui.views.ground import bilinear
from lab.gui.views.words import short

Facts = list[tuple[str, str]]  # a word for it, and what it is


def facts(recording: Any, state: ViewState, survey: Any, lanes: list[str]) -> Facts:
    """What the picture is of, and where the selected run is beside it.

    Args:
        recording: what is shown.
        state: cursor and selection.
        survey: the ground, and what is known of the surface.
        lanes: those that are visible.
    """
    header, ground = recording.header["problem"], survey.ground
    found = [("plane", ground.short)]
    if ground.kind == "random":
        found.append(("scaling", ground.scaling))
    record = recording.records.get(state.lane)
    theta = record.at("theta", state.cursor) if record is not None else None
    if theta is not None and state.run < len(theta[1]):
        point = theta[1][state.run]
        loss = float(record.at("loss", theta[0])[1][state.run])
        places = [recording.records[name].at("theta", state.cursor) for name in lanes]
        rows = [place[1] for place in places if place is not None]
        found.append(("off-plane", _off_plane(ground, point, rows)))
        found.append(("loss at cursor", short(loss)))
        if not ground.exact:
            found.append(("on the plane", short(_plane_loss(survey, point))))
    found.append(("data", header["data"].partition("; batch norm")[0] or "all"))
    if header.get("norm"):
        found.append(("batch norm", header["norm"]))
    found.append(("seed", str(recording.experiment.seed)))
    return found


def _off_plane(ground: Any, point: np.ndarray, rows: list[np.ndarray]) -> str:
    """How far a point is off the plane, and between what all runs are."""
    own = short(ground.off(point))
    if ground.exact or ground.plane is None or not rows:
        return own
    every = ground.plane.off_plane(np.concatenate(rows))
    every = every[np.isfinite(every)]
    if len(every) < 2:
        return own
    return f"{own} (all {short(every.min())}–{short(every.max())})"


def _plane_loss(survey: Any, point: np.ndarray) -> float:
    """The loss of the plane's picture where a point's shadow falls."""
    surface, ground = survey.surface, survey.ground
    if surface is None or ground.plane is None:
        return np.nan
    at = ground.plane.coordinates(np.ascontiguousarray(point)[None])[0]
    return bilinear(surface.x, surface.y, surface.loss, (float(at[0]), float(at[1])))

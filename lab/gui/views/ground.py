"""The ground of the landscape: which surface is wanted, and where points fall on it.

Qt-free. A ground is made for a recording and a plane; it is replaced when either changes.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

NATIVE_POINTS = 257  # along the longer side of a surface in closed form
PLANE_POINTS = 51  # along each side of a plane through a network's parameters
PROFILE_POINTS = 801
SHORT = {
    "pca": "random",  # until the paths have an extent
    "eigen": "top two eigenvectors",
    "points": "through three points",
    "gradient": "gradient, last move",
}
SCALINGS = {"filter": "by filter", "layer": "by layer", "none": "not normalised"}
BIASES = {"zero": "no biases", "code": "biases copied"}
FIRST_STEPS = 8  # after which a plane of paths is looked for again; then at every doubling


class NativeGround:
    """The variables of a problem of two (or one) themselves."""

    kind = "native"
    text = short = "exact"
    exact = True

    def __init__(self, problem: Mapping[str, Any]):
        """Look at the description of a problem in a recording's header."""
        self.dim = problem["dim"]
        names = problem["names"] if len(problem["names"]) == self.dim else ["first", "second"]
        self.titles = (*names[: self.dim], "loss")[:2]
        self._window = problem["window"]

    @property
    def window(self) -> tuple:
        """What is to be seen at first: ((low, high), (low, high))."""
        return self._window if self.dim == 2 else (self._window[0], (0.0, 1.0))

    def place(self, theta: np.ndarray, loss: np.ndarray) -> np.ndarray:
        """The variables; for a problem of one, the variable and the loss."""
        return theta if self.dim == 2 else np.stack([theta[..., 0], loss], axis=-1)

    def shift(self, moves: np.ndarray) -> np.ndarray:
        """How far moves (n, dim) lead in the picture, (n, 2); of one variable, sideways only."""
        return moves if self.dim == 2 else np.pad(moves, ((0, 0), (0, 1)))

    def off(self, theta: np.ndarray) -> float:
        """Distance of a point (dim,) from the plane: none."""
        return 0.0

    def request(self, window: tuple | None) -> dict[str, Any]:
        """What to ask the engine for, to see a window."""
        points = NATIVE_POINTS if self.dim == 2 else PROFILE_POINTS
        seen = (window or self.window)[: self.dim]
        return {"plane": "native", "window": seen, "points": points}

    def outgrown(self, step: int, growth: float) -> bool:
        """Whether the run has left the plane: never."""
        return False


class PlaneGround:
    """A plane through the parameters of a larger problem; known once its surface is on its way."""

    exact = False
    window = None  # what is to be seen at first is the engine's choice: where the paths are
    titles = ("along the first direction", "along the second direction")

    def __init__(
        self,
        kind: str,
        lane: str,
        run: int,
        step: int,
        plane: Any = None,
        scaling: str = "filter",
        bias: str = "zero",
    ):
        """A plane of a kind, through or around a lane's point at a step.

        Args:
            kind: one of the engine's `PLANES`.
            lane: whose point.
            run: of which run.
            step: at which step.
            plane: the plane itself, once it is known.
            scaling: of random directions.
            bias: what biases and norm layers get of them.
        """
        self.kind, self.step, self.plane = kind, step, plane
        self._place = {"lane": lane, "run": run, "step": step, "scaling": scaling, "bias": bias}

    def on(self, plane: Any) -> "PlaneGround":
        """The same ground, now that its plane is known."""
        return PlaneGround(self.kind, plane=plane, **self._place)

    @property
    def text(self) -> str:
        """What the plane is, in words."""
        if self.plane is None:
            return "computing …"
        explained = self.plane.explained
        if explained is None:
            return f"{self.plane.text}, at step {self.step:,}"
        share = 100 * float(np.sum(explained))
        if share == 0:
            return "two random directions, until the paths have an extent"
        return f"{self.plane.text} ({share:.0f} % of their variance), step {self.step:,}"

    @property
    def short(self) -> str:
        """The same in a few words."""
        if self.plane is None:
            return "…"
        explained = self.plane.explained
        if explained is None or not np.any(explained):
            return SHORT.get(self.kind, self.kind)
        return f"{self.kind}, {100 * float(np.sum(explained)):.0f} % of the variance"

    @property
    def scaling(self) -> str:
        """How long random directions are, in a few words."""
        scaling, bias = self._place["scaling"], self._place["bias"]
        return SCALINGS[scaling] + ("" if scaling == "none" else f", {BIASES[bias]}")

    def place(self, theta: np.ndarray, loss: np.ndarray) -> np.ndarray:
        """The shadow of points on the plane."""
        if self.plane is None:
            return np.full((*theta.shape[:-1], 2), np.nan)
        center, chart = self._chart
        return (theta - center) @ chart

    def shift(self, moves: np.ndarray) -> np.ndarray:
        """The shadows of moves (n, dim) on the plane, (n, 2)."""
        return np.full((len(moves), 2), np.nan) if self.plane is None else moves @ self._chart[1]

    @cached_property
    def _chart(self) -> tuple[np.ndarray, np.ndarray]:
        """The centre (dim,), and what leads from there to coordinates (dim, 2): least squares."""
        plane = self.plane
        center, *basis = (np.asarray(x, np.float64) for x in (plane.center, plane.d1, plane.d2))
        basis = np.stack(basis)
        return center, np.linalg.solve(basis @ basis.T, basis).T

    def off(self, theta: np.ndarray) -> float:
        """Distance of a point (dim,) from the plane."""
        if self.plane is None:
            return np.nan
        return float(self.plane.off_plane(np.ascontiguousarray(theta)[None])[0])

    def request(self, window: tuple | None) -> dict[str, Any]:
        """What to ask the engine for, to see a window (or the paths)."""
        wanted = {"plane": self.kind, "points": PLANE_POINTS, **self._place}
        if window is not None:
            wanted["window"] = window
            if self.plane is not None:
                wanted["on"] = self.plane
        return wanted

    def outgrown(self, step: int, growth: float) -> bool:
        """Whether the run went on so far that another plane should be looked for.

        Args:
            step: the step that is shown.
            growth: how many times longer the run may be than it was when this plane was found.
        """
        if self.plane is None:
            return False  # it is still on its way
        return step > self.step and step >= max(FIRST_STEPS, growth * self.step)


def bilinear(x: np.ndarray, y: np.ndarray, loss: np.ndarray, at: tuple[float, float]) -> float:
    """The loss between grid points: x (nx,), y (ny,), loss (ny, nx); NaN outside."""
    column = (at[0] - x[0]) / (x[1] - x[0])
    row = (at[1] - y[0]) / (y[1] - y[0])
    if not (0 <= column <= len(x) - 1 and 0 <= row <= len(y) - 1):
        return np.nan
    i, j = min(int(row), len(y) - 2), min(int(column), len(x) - 2)
    v, u = row - i, column - j
    below = (1 - u) * loss[i, j] + u * loss[i, j + 1]
    above = (1 - u) * loss[i + 1, j] + u * loss[i + 1, j + 1]
    return float((1 - v) * below + v * above)

"""Where a legend hides none of a plot's lines, and the room above them that it takes. Qt-free."""

import numpy as np

CORNERS = ("top right", "top left", "bottom right", "bottom left")
HIGHEST = 0.4  # part of the plot that is left free above the lines for it, at most


def free_corner(lines: np.ndarray, width: float, height: float) -> tuple[str, float]:
    """The corner in which a legend hides nothing, or the one that has to grow least for that.

    Args:
        lines: (m, n), heights of lines at places evenly spread from the left edge to the right one:
            0 at the bottom, 1 at the top; NaN where there is none.
        width: of the legend, as a part of the plot's.
        height: of the legend, likewise.

    Returns:
        The corner, and where the top of the plot should be for it; 1.0 where it is.
    """
    across = np.linspace(0.0, 1.0, lines.shape[1])
    under = {"right": across >= 1 - width, "left": across <= width}
    tops = {}
    for corner in CORNERS:
        upright, side = corner.split()
        near = lines[:, under[side]]
        if upright == "top":
            hidden = min(1.0, np.nanmax(near, initial=0.0))
            tops[corner] = max(1.0, hidden / (1.0 - min(height, HIGHEST)))
        else:
            tops[corner] = 1.0 if np.nanmin(near, initial=1.0) > height else np.inf
    corner = min(tops, key=tops.get)
    return corner, float(tops[corner])

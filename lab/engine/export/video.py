"""A video of a recording, drawn off the clock: landscape and loss side by side.

The number of frames follows from length and rate alone, whatever the machine. What does not move is
drawn once; for each frame only the paths, the curves and the step are drawn on top of it.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np

from lab.engine.export.curves import Curves
from lab.engine.export.ground import Ground
from lab.engine.export.landscape import Landscape
from lab.engine.export.style import CAPTION, Style, drawn_lanes, head
from lab.engine.recording import Recording

_SIDE = 16  # sides of a frame are multiples of this, as video codecs want them
_DPI = 100


@dataclass(frozen=True)
class Film:
    """Length and size of a video.

    Attributes:
        seconds: how long it is.
        fps: frames a second.
        width: pixels; rounded to a multiple of 16.
        height: pixels; rounded to a multiple of 16.
    """

    seconds: float = 8.0
    fps: int = 30
    width: int = 1280
    height: int = 720

    def __post_init__(self):
        """Check and round.

        Raises:
            ValueError: a number that makes no video.
        """
        for name, low, high in (("seconds", 0.1, 3600), ("fps", 1, 120)):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} = {value!r}: {low} to {high} is needed")
        for name in ("width", "height"):
            value = getattr(self, name)
            if not 64 <= value <= 8192:
                raise ValueError(f"{name} = {value!r}: 64 to 8192 pixels are needed")
            object.__setattr__(self, name, round(value / _SIDE) * _SIDE)

    @property
    def frames(self) -> int:
        """How many frames it has."""
        return max(2, round(self.seconds * self.fps))

    def steps(self, last: int) -> np.ndarray:
        """The step that each frame shows: evenly from 0 to the last."""
        return np.linspace(0, last, self.frames).round().astype(int)


def write_video(
    recording: Recording,
    path: Path,
    on: Ground,
    film: Film,
    theme: str,
    lanes: Sequence[str],
    last: int,
) -> Generator[float, None, None]:
    """Write a video; the ending of the path, mp4 or gif, says how.

    Args:
        recording: what is shown.
        path: where to.
        on: the ground of the landscape.
        film: length and size.
        theme: "light" or "dark".
        lanes: which lanes.
        last: the last step shown.

    Yields:
        How far it is, from 0 to 1.
    """
    stage = _Stage(recording, on, film, theme, lanes)
    writer = _writer(path, film)
    try:
        for number, step in enumerate(film.steps(last)):
            writer.send(stage.picture(int(step)))
            yield (number + 1) / film.frames
    finally:
        writer.close()


FILMS = {"mp4": Film(), "gif": Film(fps=20, width=800, height=448)}


class _Stage:
    """The figure behind the frames."""

    def __init__(
        self, recording: Recording, on: Ground, film: Film, theme: str, lanes: Sequence[str]
    ):
        size = (film.width / _DPI, film.height / _DPI)
        style = Style(theme, size, _DPI)
        colours = style.colours
        self._figure = style.figure(size)
        left, right = self._figure.subplots(1, 2, width_ratios=(1.12, 1))
        drawn = drawn_lanes(recording, colours, lanes)
        self._landscape = Landscape(left, recording, on, style, drawn)
        self._landscape.key()
        self._curves = Curves(right, style, drawn)
        head(left, colours, recording.experiment.title or "Landscape")
        head(right, colours, "Loss")
        self._step = right.set_title("step", loc="right", color=colours.muted, fontsize=CAPTION)
        self._moving = [*self._landscape.moving, *self._curves.moving, self._step]
        for artist in self._moving:
            artist.set_animated(True)
        canvas = self._figure.canvas
        canvas.draw()
        self._still = canvas.copy_from_bbox(self._figure.bbox)

    def picture(self, step: int) -> np.ndarray:
        """The frame of a step: (height, width, 3), uint8."""
        canvas = self._figure.canvas
        canvas.restore_region(self._still)
        self._landscape.show(step)
        self._curves.show(step)
        self._step.set_text(f"step {step:,}")
        for artist in self._moving:
            artist.axes.draw_artist(artist)
        return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])


def _writer(path: Path, film: Film) -> Generator[None, Any, None]:
    """A generator that is sent frames: H.264, which every player knows, or a GIF that repeats.

    The colours of a GIF are chosen for all its frames together, so that they do not flicker.
    """
    if path.suffix == ".gif":
        palette = "split[a][b];[a]palettegen[p];[b][p]paletteuse=dither=bayer:bayer_scale=4"
        how = {
            "codec": "gif",
            "pix_fmt_out": "pal8",
            "quality": None,
            "output_params": ["-filter_complex", f"{palette}:diff_mode=rectangle", "-loop", "0"],
        }
    else:
        how = {"codec": "libx264", "pix_fmt_out": "yuv420p", "quality": 8}
    writer = imageio_ffmpeg.write_frames(
        str(path),
        (film.width, film.height),
        fps=film.fps,
        macro_block_size=_SIDE,
        ffmpeg_log_level="error",
        **how,
    )
    writer.send(None)
    return writer

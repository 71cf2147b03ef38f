import subprocess

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from lab.engine.export import Options, export
from lab.engine.export.video import Film

TINY = Film(seconds=0.5, fps=10, width=330, height=190)


def frames_of(path):
    """What ffmpeg says of a video, and its frames."""
    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    command = [ffmpeg, "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    done = subprocess.run(command, capture_output=True, check=True)
    frames = np.frombuffer(done.stdout, np.uint8).reshape(-1, TINY.height, TINY.width, 3)
    return done.stderr.decode(), frames


def test_sides_are_multiples_of_16_and_the_length_is_exact():
    assert (TINY.width, TINY.height, TINY.frames) == (336, 192, 5)
    assert Film(seconds=7.3, fps=25).frames == 182
    assert Film().width % 16 == Film().height % 16 == 0
    assert TINY.steps(40).tolist() == [0, 10, 20, 30, 40]
    assert len(Film(2, 30).steps(3)) == 60  # fewer steps than frames


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"seconds": 0}, "seconds = 0"), ({"fps": 500}, "fps = 500"), ({"width": 3}, "width = 3")],
)
def test_a_film_that_cannot_be(wrong, message):
    with pytest.raises(ValueError, match=message):
        Film(**wrong)


def test_an_mp4_plays_the_run(valley, tmp_path):
    export(valley, tmp_path, ["mp4"], options=Options(film=TINY))
    said, frames = frames_of(tmp_path / "landscape.mp4")
    assert "Video: h264" in said
    assert "yuv420p" in said
    assert "336x192" in said
    assert "10 fps" in said
    assert len(frames) == 5
    changed = np.abs(np.diff(frames.astype(int), axis=0)).max(axis=(1, 2, 3))
    assert changed.min() > 60  # every frame shows something new


def test_a_gif_plays_the_run_for_ever(valley, tmp_path):
    export(valley, tmp_path, ["gif"], options=Options(film=TINY, theme="dark"))
    with Image.open(tmp_path / "landscape.gif") as image:
        assert image.n_frames == 5
        assert image.size == (336, 192)
        assert image.info["loop"] == 0
        assert image.info["duration"] == 100


def test_the_same_recording_is_the_same_video(valley, tmp_path):
    for name in "ab":
        export(valley, tmp_path / name, ["gif"], options=Options(film=TINY))
    a, b = ((tmp_path / name / "landscape.gif").read_bytes() for name in "ab")
    assert a == b


def test_a_video_ends_at_the_step_that_is_looked_at(valley, tmp_path):
    export(valley, tmp_path / "whole", ["mp4"], options=Options(film=TINY))
    export(valley, tmp_path / "part", ["mp4"], options=Options(film=TINY, step=10))
    whole = frames_of(tmp_path / "whole" / "landscape.mp4")[1]
    part = frames_of(tmp_path / "part" / "landscape.mp4")[1]
    near = np.abs(part[-1].astype(int) - whole[1]).mean()  # both show step 10
    far = np.abs(part[-1].astype(int) - whole[-1]).mean()
    assert near < 0.5 * far

"""Whether Qt can give an OpenGL context here; asked in a process of its own, which may crash.

Drivers can take a process down with them, and so can Qt without a display. `probe` starts
`python -m lab.opengl`, which prints what it found.
"""

import json
import os
import subprocess
import sys
from typing import NamedTuple

TIMEOUT = 30.0  # seconds; a driver that hangs counts as none


class Graphics(NamedTuple):
    """What Qt found.

    Attributes:
        platform: Qt's platform plugin, empty where Qt did not start.
        opengl: version and renderer, empty where there is no context.
        trouble: one line on what is missing, empty if nothing is.
    """

    platform: str
    opengl: str
    trouble: str


def probe(command: tuple[str, ...] = (sys.executable, "-m", "lab.opengl")) -> Graphics:
    """Ask in a process of its own; never raises.

    Args:
        command: the process.
    """
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
            env={**os.environ, "QT_LOGGING_RULES": "*.debug=false"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Graphics("", "", f"Qt did not answer: {type(error).__name__}")
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        return Graphics("", "", said[0] if said else f"Qt ended with status {done.returncode}")
    return Graphics(*json.loads(lines[-1]))


def ask_qt() -> Graphics:
    """Start Qt without a window and try to make a context current."""
    from PySide6.QtGui import QGuiApplication, QOffscreenSurface, QOpenGLContext

    app = QGuiApplication.instance() or QGuiApplication([])
    platform = app.platformName()
    surface = QOffscreenSurface()
    surface.create()
    context = QOpenGLContext()
    if not context.create() or not context.makeCurrent(surface):
        return Graphics(platform, "", "no OpenGL context")
    shape = context.format()
    version = f"{shape.majorVersion()}.{shape.minorVersion()}"
    renderer = context.functions().glGetString(0x1F01)  # GL_RENDERER
    context.doneCurrent()
    name = renderer.decode() if isinstance(renderer, bytes) else str(renderer or "")
    return Graphics(platform, f"{version} ({name})" if name else version, "")


if __name__ == "__main__":
    print(json.dumps(ask_qt()))

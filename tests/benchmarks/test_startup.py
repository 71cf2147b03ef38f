"""How long it takes until something is there: the window, an import, the help."""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROUNDS = 7
WINDOW = """
import os
import lab.gui.app as app
from PySide6.QtCore import QTimer
from lab.gui.window import Window

def shown(window, event, show=Window.showEvent):
    show(window, event)
    idle = QTimer(window)  # fires once everything is painted
    idle.timeout.connect(lambda: os._exit(0))
    idle.start(0)

Window.showEvent = shown
app.main([])
"""
PICTURE = """
import os
import lab.gui.app as app
from lab.gui.bridge import Bridge
from lab.gui.views.survey import KEY

def finish(bridge, go_on=Bridge._finish):
    go_on(bridge)
    partial = bridge.frame.partials.get(KEY)
    if partial is not None and partial.done == 1:
        os._exit(0)

Bridge._finish = finish
app.main([])
"""
PLOT = """
import os
import pyqtgraph
from PySide6.QtCore import QTimer

application = pyqtgraph.mkQApp()
plot = pyqtgraph.PlotWidget()
plot.plot([0, 1, 2], [0, 1, 4])
plot.show()
idle = QTimer(plot)
idle.timeout.connect(lambda: os._exit(0))
idle.start(0)
application.exec()
"""


def medians(folder: Path, *programs: list[str]) -> list[float]:
    """Median seconds of each program, taken in turns; the first round warms the disk's cache."""
    places = {name: str(folder) for name in ("LANDSCAPE_LAB_CONFIG", "LANDSCAPE_LAB_DATA")}
    environment = {**os.environ, **places, "QT_QPA_PLATFORM": "offscreen"}
    taken: list[list[float]] = [[] for _ in programs]
    for _ in range(ROUNDS + 1):
        for program, times in zip(programs, taken, strict=True):
            begin = time.perf_counter()
            subprocess.run(program, check=True, capture_output=True, env=environment)
            times.append(time.perf_counter() - begin)
    return [statistics.median(times[1:]) for times in taken]


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_the_window_is_there_soon(claims, tmp_path):
    window, picture, plot = medians(tmp_path, python(WINDOW), python(PICTURE), python(PLOT))
    claims.at_most("window on screen / s more than a bare PlotWidget", window - plot, 0.6)
    claims.at_most("and the first landscape drawn in it / s more", picture - plot, 4.0)


def test_import_and_help_cost_little(claims, tmp_path):
    say_help = [sys.executable, "-m", "lab", "--help"]
    imported, helped, nothing = medians(tmp_path, python("import lab"), say_help, python("pass"))
    claims.at_most("import lab / ms more than `python -c pass`", 1000 * (imported - nothing), 30)
    claims.at_most("landscape-lab --help / s more than `python -c pass`", helped - nothing, 0.4)

"""Garbage is looked for on the window's thread alone.

Python looks for garbage on whichever thread happens to make an object. If that is the engine's, and
the garbage is a widget, Qt deletes it there, and the program crashes.
"""

import gc

from PySide6.QtCore import QObject, QTimer, Slot

EVERY_MS = 50


class Garbage(QObject):
    """Takes Python's collector over while there is an engine."""

    def __init__(self, parent: QObject):
        """Leave the collector alone until `start`."""
        super().__init__(parent)
        self._was_enabled = gc.isenabled()
        self._clock = QTimer(self, interval=EVERY_MS)
        self._clock.timeout.connect(self._look)

    def start(self) -> None:
        """From now on look for garbage only here."""
        self._was_enabled = gc.isenabled()
        gc.disable()
        self._clock.start()

    def stop(self) -> None:
        """Give the collector back as it was."""
        if self._clock.isActive():
            self._clock.stop()
            if self._was_enabled:
                gc.enable()

    @Slot()
    def _look(self) -> None:
        """Collect the oldest generation that is due, by Python's own thresholds."""
        due = [
            generation
            for generation, (count, most) in enumerate(
                zip(gc.get_count(), gc.get_threshold(), strict=True)
            )
            if count > most > 0
        ]
        if due:
            gc.collect(due[-1])

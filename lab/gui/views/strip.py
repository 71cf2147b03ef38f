"""The strip under the landscape that says what is true about the picture."""

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QSizePolicy

from lab.gui.theme import CAPTION_POINTS, number_font
from lab.palette import DARK, Theme

GAP, INNER_GAP = 16, 5  # pixels between facts, and between a word and its value
MARGIN = 12
SHORTEST = 40  # pixels to which a long value is cut


class Strip(QFrame):
    """Facts, each a muted word and its value; what is too long is cut.

    They stand on one line, or on two where one is too short. A strip that has become higher stays
    so until its width changes: what is above it does not jump with the length of a number.
    """

    def __init__(self):
        """Make an empty strip."""
        super().__init__(objectName="strip")
        self.facts: list[tuple[str, str]] = []
        self._theme = DARK
        self._lines = 1
        self.setFont(number_font(CAPTION_POINTS))
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """As high as its lines with some room."""
        return QSize(200, self._lines * (self.fontMetrics().height() + 2) + 10)

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self._theme = theme
        self.update()

    def say(self, facts: Sequence[tuple[str, str]]) -> None:
        """Say these facts."""
        if list(facts) != self.facts:
            self.facts = list(facts)
            self.setToolTip("\n".join(f"{word}: {value}" for word, value in facts))
            self._take_room(self._lines)
            self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Another width may need fewer lines."""
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._take_room(1)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Write the facts beside each other."""
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setFont(self.font())
        high = (self.height() - 8) // self._lines
        for line, facts in enumerate(self.lines()):
            self._write(painter, facts, 4 + line * high, high)
        painter.end()

    def lines(self) -> list[list[tuple[str, str]]]:
        """The facts of each line."""
        if self._lines == 1:
            return [self.facts]
        ends = np.cumsum([sum(self._widths(fact)) for fact in self.facts])
        first = max(1, int(np.searchsorted(ends, self.width() - 2 * MARGIN, side="right")))
        return [self.facts[:first], self.facts[first:]]

    def _take_room(self, least: int) -> None:
        """Have as many lines as the facts need, or more."""
        needed = sum(sum(self._widths(fact)) for fact in self.facts)
        lines = 2 if needed > self.width() - 2 * MARGIN else least
        if lines != self._lines:
            self._lines = lines
            self.updateGeometry()

    def _widths(self, fact: tuple[str, str]) -> tuple[int, int]:
        """Pixels that a word and its value take, with the gaps behind them."""
        word, value = (self.fontMetrics().horizontalAdvance(part) for part in fact)
        return word + INNER_GAP, value + 1 + GAP

    def _write(self, painter: QPainter, facts: list[tuple[str, str]], top: int, high: int) -> None:
        """Write one line."""
        pairs = [self._widths(fact) for fact in facts]
        room = self.width() - 2 * MARGIN - sum(word + GAP for word, _ in pairs)
        values = fitted([value - GAP for _, value in pairs], room)
        left = MARGIN
        for (word, value), (wide, _), span in zip(facts, pairs, values, strict=True):
            text = painter.fontMetrics().elidedText(value, Qt.TextElideMode.ElideRight, span)
            for part, colour, width in (
                (word, self._theme.muted, wide),
                (text, self._theme.text, span + GAP),
            ):
                painter.setPen(QColor(colour))
                painter.drawText(QRect(left, top, width, high), Qt.AlignmentFlag.AlignVCenter, part)
                left += width


def fitted(widths: Sequence[int], room: int) -> list[int]:
    """Widths of which the longest are cut until all have room, or none can be cut further."""
    cut = list(widths)
    while cut and sum(cut) > room:
        longest = max(range(len(cut)), key=cut.__getitem__)
        shorter = max(SHORTEST, cut[longest] - (sum(cut) - room))
        if shorter >= cut[longest]:
            break
        cut[longest] = shorter
    return cut

"""The strip under the landscape that says what is true about the picture."""

from collections.abc import Sequence

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QSizePolicy

from lab.gui.theme import CAPTION_POINTS, number_font
from lab.palette import DARK, Theme

GAP, INNER_GAP = 16, 5  # pixels between facts, and between a word and its value
MARGIN = 12
SHORTEST = 40  # pixels to which a long value is cut


class Strip(QFrame):
    """One line of facts, each a muted word and its value; what is too long is cut."""

    def __init__(self):
        """Make an empty strip."""
        super().__init__(objectName="strip")
        self.facts: list[tuple[str, str]] = []
        self._theme = DARK
        self.setFont(number_font(CAPTION_POINTS))
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """As high as a line with some room."""
        return QSize(200, self.fontMetrics().height() + 12)

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self._theme = theme
        self.update()

    def say(self, facts: Sequence[tuple[str, str]]) -> None:
        """Say these facts."""
        if list(facts) != self.facts:
            self.facts = list(facts)
            self.setToolTip("\n".join(f"{word}: {value}" for word, value in facts))
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Write the facts beside each other."""
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setFont(self.font())
        metrics = painter.fontMetrics()
        words = [metrics.horizontalAdvance(word) for word, _ in self.facts]
        values = [metrics.horizontalAdvance(value) + 1 for _, value in self.facts]
        room = self.width() - 2 * MARGIN - sum(words) - len(words) * (GAP + INNER_GAP)
        left = MARGIN
        for (word, value), width, wide in zip(self.facts, words, fitted(values, room), strict=True):
            text = metrics.elidedText(value, Qt.TextElideMode.ElideRight, wide)
            for part, colour, span in (
                (word, self._theme.muted, width + INNER_GAP),
                (text, self._theme.text, wide + GAP),
            ):
                painter.setPen(QColor(colour))
                box = QRect(left, 0, span, self.height())
                painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, part)
                left += span
        painter.end()


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

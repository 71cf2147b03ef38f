"""The strip under the landscape that says what is true about the picture."""

from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy

from lab.gui.theme import CAPTION_POINTS, number_font


class Strip(QFrame):
    """One line of facts: a muted word and its value, several times."""

    def __init__(self):
        """Make an empty strip."""
        super().__init__(objectName="strip")
        self._text = QLabel()
        self._text.setFont(number_font(CAPTION_POINTS))
        self._text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 5, 12, 6)
        row.addWidget(self._text)
        self._shown: list[tuple[str, str]] = []

    def say(self, facts: list[tuple[str, str]]) -> None:
        """Say these facts."""
        if facts == self._shown:
            return
        self._shown = list(facts)
        muted = self.palette().placeholderText().color().name()
        parts = [f'<span style="color:{muted}">{word}</span>&nbsp;{value}' for word, value in facts]
        self._text.setText("&nbsp;&nbsp;&nbsp; ".join(parts))
        self._text.setToolTip(" · ".join(f"{word}: {value}" for word, value in facts))

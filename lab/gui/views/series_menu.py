"""The button and menu with which a number along the run is chosen."""

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QToolButton, QWidget

from lab.gui.views.series_choice import Choice
from lab.gui.views.tracked import Quantity, probes, quantities, series_of

WIDTH = 118  # pixels of the chosen quantity's name


class SeriesMenu(QToolButton):
    """Names what is drawn; offers what is measured, what could be, and the kind of axis."""

    changed = Signal()  # something else was chosen

    def __init__(self, choice: Choice, parent: QWidget):
        """Make the button.

        Args:
            choice: what is drawn.
            parent: Qt's owner.
        """
        super().__init__(parent, objectName="flat")
        self._choice = choice
        self._ready = False  # whether there is anything to choose from
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        menu.aboutToShow.connect(self.fill)
        self.setMenu(menu)
        self._write("choose", "Which number is drawn")

    def look(self) -> None:
        """Write what is chosen now; the choice was settled."""
        self._ready, lead = True, self._choice.lead
        if lead is None:
            self._write("choose", "Which number is drawn")
        else:
            series = series_of(lead)
            tip = f"{probes()[lead.probe].title}: {series.doc or series.title}"
            self._write(series.title, tip)

    def _write(self, text: str, tip: str) -> None:
        cut = self.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, WIDTH)
        self.setText(f"{cut} ▾")
        self.setToolTip(tip)

    @Slot()
    def fill(self) -> None:
        """Offer what there is now."""
        menu, choice = self.menu(), self._choice
        menu.clear()
        if not self._ready:
            return
        group = QActionGroup(menu)
        group.triggered.connect(self._picked)
        offered, others = choice.offered(), choice.others()
        for name in offered:
            self._add_quantities(menu.addMenu(probes()[name].title), name, group)
        if others:
            more = menu.addMenu("Measure by hand") if offered else menu
            for name in others:
                self._add_quantities(more.addMenu(probes()[name].title), name, group)
        if choice.lead is None:
            return
        menu.addSeparator()
        self._add_beside(menu.addMenu("Beside it, where there is room"), offered)
        log = _ticked(menu, "logarithmic", choice.is_log(choice.lead))
        log.toggled.connect(self._choose_log)

    def _add_quantities(self, menu: QMenu, probe: str, group: QActionGroup) -> None:
        menu.setToolTipsVisible(True)
        for quantity in quantities(probe):
            series = series_of(quantity)
            action = _ticked(menu, series.title, quantity == self._choice.lead)
            action.setToolTip(series.doc)
            action.setEnabled(self._choice.is_there(quantity))
            action.setData(quantity)
            group.addAction(action)

    def _add_beside(self, menu: QMenu, offered: list[str]) -> None:
        """The quantities that stand beside the lead, each to be ticked."""
        whole = _ticked(menu, "the others of its measurement", self._choice.whole)
        whole.triggered.connect(self._all_beside)
        menu.addSeparator()
        chosen = self._choice.beside()
        for name in offered:
            for quantity in quantities(name):
                if quantity != self._choice.lead and self._choice.is_there(quantity):
                    text = f"{probes()[name].title}: {series_of(quantity).title}"
                    action = _ticked(menu, text, quantity in chosen)
                    action.setData(quantity)
                    action.triggered.connect(self._turn_beside)

    @Slot(QAction)
    def _picked(self, action: QAction) -> None:
        self._choice.choose(Quantity(*action.data()))
        self.changed.emit()

    @Slot()
    def _all_beside(self) -> None:
        self._choice.whole = True
        self.changed.emit()

    @Slot()
    def _turn_beside(self) -> None:
        self._choice.turn_beside(Quantity(*self.sender().data()))
        self.changed.emit()

    @Slot(bool)
    def _choose_log(self, log: bool) -> None:
        self._choice.set_log(log)
        self.changed.emit()


def _ticked(menu: QMenu, text: str, ticked: bool) -> QAction:
    """An entry that is ticked or not."""
    action = menu.addAction(text)
    action.setCheckable(True)
    action.setChecked(ticked)
    return action

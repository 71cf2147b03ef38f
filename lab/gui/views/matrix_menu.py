"""A menu in the header of a card: of which matrix the spectrum is, and of which layer's block."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QToolButton

Kind = tuple[str, str]  # an operator, and the name of a tensor or nothing

HESSIAN: Kind = ("hessian", "")
MATRICES = {  # operator -> its short name, and what it is
    "hessian": ("H", "Hessian"),
    "ggn": ("GGN", "Gauss–Newton matrix"),
    "rest": ("H − GGN", "Hessian less Gauss–Newton matrix"),
    "fisher": ("Fisher", "empirical Fisher matrix"),
    "ntk": ("NTK", "tangent kernel"),
}
MOST_NAME = 14  # letters of a layer's name on the button


class MatrixMenu(QToolButton):
    """A button that says which matrix, and offers others."""

    chosen = Signal()

    def __init__(self):
        """Begin with the whole Hessian."""
        super().__init__(objectName="flat")
        self.setToolTip("Of which matrix, and of which layer's block")
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._kind = HESSIAN
        self._layers: tuple[str, ...] = ()
        self._network = False
        menu = QMenu(self)
        menu.aboutToShow.connect(self._fill)
        self.setMenu(menu)
        self._say()

    @property
    def kind(self) -> Kind:
        """What is chosen."""
        return self._kind

    def offer(self, layers: Sequence[str], *, network: bool) -> None:
        """Say what there is to choose from; it hides where there is nothing.

        Args:
            layers: names of the tensors.
            network: whether there are outputs, of which all matrices but the Hessian are made.
        """
        self._layers, self._network = tuple(layers) if network else (), network
        self.setVisible(network)

    def choose(self, kind: Kind) -> None:
        """Choose without telling."""
        self._kind = kind
        self._say()

    def _say(self) -> None:
        operator, layer = self._kind
        short = f" · {layer if len(layer) <= MOST_NAME else layer[: MOST_NAME - 1] + '…'}"
        self.setText(f"{MATRICES[operator][0]}{short if layer else ''} ▾")

    @Slot()
    def _fill(self) -> None:
        menu = self.menu()
        menu.clear()
        operator, layer = self._kind
        matrices = MATRICES if self._network else {"hessian": MATRICES["hessian"]}
        for place, entries in enumerate(
            (
                [(name, title, name == operator) for name, (_, title) in matrices.items()],
                [("", "all parameters", not layer)]
                + [(name, name, name == layer) for name in self._layers],
            )
        ):
            group = QActionGroup(menu)
            for data, title, on in entries:
                action = group.addAction(menu.addAction(title))
                action.setData((place, data))
                action.setCheckable(True)
                action.setChecked(on)
            group.triggered.connect(self._take)
            menu.addSeparator()

    @Slot(QAction)
    def _take(self, action: QAction) -> None:
        place, data = action.data()
        operator, layer = self._kind
        self.choose((data, layer) if place == 0 else (operator, data))
        self.chosen.emit()

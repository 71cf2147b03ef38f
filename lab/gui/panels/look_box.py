"""How the landscape is looked at: the plane, the scale, the colours."""

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QWidget

from lab.gui.bridge import Bridge
from lab.gui.panels.section import Picker, Section
from lab.gui.state import ViewState
from lab.palette import COLOUR_MAPS

PLANES = {
    "native": "the variables themselves",
    "random": "random directions",
    "pca": "principal plane of the paths",
    "points": "through three points",
    "eigen": "top Hessian eigenvectors",
    "gradient": "gradient and last move",
}
# How random directions are scaled, and what biases and norm layers get of them.
SCALINGS = {
    ("filter", "zero"): "by filter, biases left out",
    ("filter", "code"): "by filter, biases copied",
    ("layer", "zero"): "by layer, biases left out",
    ("layer", "code"): "by layer, biases copied",
    ("none", "zero"): "not normalised",
}


class LookBox(Section):
    """Sets what the views have in common."""

    def __init__(self, bridge: Bridge, state: ViewState, parent: QWidget):
        """Show and set a state.

        Args:
            bridge: says which planes the problem has.
            state: what is set.
            parent: Qt's owner.
        """
        super().__init__("Landscape", parent)
        self._bridge, self._state = bridge, state
        self.plane = Picker(self)
        for name, text in PLANES.items():
            self.plane.addItem(text, name)
        self.plane.activated.connect(self._choose_plane)
        self.column.addWidget(self.plane)
        self.scaling = Picker(self)
        self.scaling.setToolTip("The lengths of random directions (Li et al. 2018: by filter)")
        for choice, text in SCALINGS.items():
            self.scaling.addItem(text, choice)
        self.scaling.activated.connect(self._choose_scaling)
        self.column.addWidget(self.scaling)
        row = QHBoxLayout()
        self.log = QCheckBox("log scale", self)
        self.log.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.log.clicked.connect(self._choose_log)
        self.colours = Picker(self)
        self.colours.addItems(list(COLOUR_MAPS))
        self.colours.textActivated.connect(self._choose_colours)
        row.addWidget(self.log, 1)
        row.addWidget(self.colours)
        self.column.addLayout(row)
        bridge.recording_changed.connect(self._recording_changed)
        state.events.plane.connect(self._show_plane)
        state.events.log_scale.connect(self._show_log)
        state.events.colour_map.connect(self._show_colours)

    @Slot(object)
    def _recording_changed(self, recording: object) -> None:
        self._show_plane(self._state.plane)

    def _show_plane(self, plane: str) -> None:
        """Show which plane is chosen; planes that the problem does not have are grey."""
        self.plane.setCurrentIndex(max(0, self.plane.findData(plane)))
        self.scaling.setVisible(plane == "random")
        recording = self._bridge.frame.recording
        if recording is None:
            return
        problem = recording.header["problem"]
        native = problem["dim"] <= 2 and problem["window"] is not None
        for row, name in enumerate(PLANES):
            allowed = native if name == "native" else problem["dim"] > 1
            self.plane.model().item(row).setEnabled(allowed)

    def _show_log(self, on: bool) -> None:
        self.log.setChecked(on)

    def _show_colours(self, name: str) -> None:
        self.colours.setCurrentText(name)

    @Slot(int)
    def _choose_plane(self, row: int) -> None:
        self._state.plane = self.plane.itemData(row)

    @Slot(int)
    def _choose_scaling(self, row: int) -> None:
        self._state.bias = list(SCALINGS)[row][1]
        self._state.scaling = list(SCALINGS)[row][0]

    @Slot(bool)
    def _choose_log(self, on: bool) -> None:
        self._state.log_scale = on

    @Slot(str)
    def _choose_colours(self, name: str) -> None:
        self._state.colour_map = name

"""What it is computed with: precision and device."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from lab.engine.experiment import Experiment
from lab.gui.panels.section import Picker, Section

PRECISIONS = ("float32", "float64")
DEVICES = ("auto", "cpu", "cuda", "mps")


class NumericsBox(Section):
    """Two boxes of choices."""

    dtype_chosen = Signal(str)
    device_chosen = Signal(str)

    def __init__(self, parent: QWidget):
        """Begin with what is usual."""
        super().__init__("Precision · device", parent)
        self.dtype, self.device = Picker(self), Picker(self)
        row = QHBoxLayout()
        row.setSpacing(6)
        for box, words, chosen in (
            (self.dtype, PRECISIONS, self.dtype_chosen),
            (self.device, DEVICES, self.device_chosen),
        ):
            box.addItems(list(words))
            box.textActivated.connect(chosen)
            row.addWidget(box, 1)
        self.column.addLayout(row)

    def show_experiment(self, experiment: Experiment) -> None:
        """Show what an experiment says; a numbered device is added to the list."""
        if self.device.findText(experiment.device) < 0:
            self.device.addItem(experiment.device)
        self.dtype.setCurrentText(experiment.dtype)
        self.device.setCurrentText(experiment.device)

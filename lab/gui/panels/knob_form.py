"""The form of a set of knobs, made of their declarations: sliders, numbers, choices, text."""

import math
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QLabel,
    QLineEdit,
    QSlider,
    QWidget,
)

from lab.engine.knobs import KnobField
from lab.gui.theme import number_font

NOTCHES = 1000
_WORDS = {"lr": "learning rate", "eps": "epsilon", "beta1": "beta 1", "beta2": "beta 2"}


class KnobForm(QWidget):
    """One row a knob: its symbol, its name, something to turn, its value."""

    changed = Signal(str, object)  # while it is being turned
    committed = Signal(str, object)  # once it is let go
    complained = Signal(str)  # one sentence about what was typed

    def __init__(self, fields: Sequence[KnobField], values: Mapping[str, Any], *, sweeps: bool):
        """Make the rows.

        Args:
            fields: the knobs.
            values: their values.
            sweeps: whether a list may be typed where a number stands.
        """
        super().__init__(objectName="bare")
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(3)
        grid.setColumnStretch(2, 1)
        self._rows: dict[str, _Row] = {}
        for number, item in enumerate(fields):
            row = self._rows[item.name] = _row(item, sweeps=sweeps)
            symbol = QLabel(item.knob.symbol, objectName="symbol")
            symbol.setFixedWidth(18)
            name = QLabel(_words(item))
            help_text = (
                f"{item.knob.doc}\n{item.knob.range_text()}" if item.is_number else (item.knob.doc)
            )
            for widget in (symbol, name, row):
                widget.setToolTip(help_text.strip())
            grid.addWidget(symbol, number, 0)
            grid.addWidget(name, number, 1)
            grid.addWidget(row, number, 2)
            row.turned.connect(self._turned)
            row.released.connect(self._released)
            row.complained.connect(self.complained)
        self.set_values(values)

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Show other values, except in a row that the user is just working in."""
        for name, row in self._rows.items():
            if name in values and not row.busy():
                row.show_value(values[name])

    def row(self, name: str) -> QWidget:
        """The control of a knob."""
        return self._rows[name]

    @Slot(object)
    def _turned(self, value: Any) -> None:
        self.changed.emit(self.sender().field.name, value)

    @Slot(object)
    def _released(self, value: Any) -> None:
        self.committed.emit(self.sender().field.name, value)


class _Row(QWidget):
    """The control of one knob."""

    turned = Signal(object)
    released = Signal(object)
    complained = Signal(str)

    def __init__(self, field: KnobField):
        super().__init__(objectName="bare")
        self.field = field
        self._inside = QGridLayout(self)
        self._inside.setContentsMargins(0, 0, 0, 0)
        self._inside.setHorizontalSpacing(8)

    def busy(self) -> bool:
        """Whether the user is just working here."""
        return False

    def show_value(self, value: Any) -> None:
        """Show a value without telling anybody."""
        raise NotImplementedError


class _NumberRow(_Row):
    """A slider (where there is a range to slide over) and a number that can be typed."""

    def __init__(self, field: KnobField, *, sweeps: bool):
        super().__init__(field)
        self._sweeps = sweeps and field.knob.live
        self._range = _slider_range(field)
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setRange(0, NOTCHES)
        self._slider.setMinimumWidth(50)
        self._slider.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._slider.setVisible(self._range is not None)
        self._slider.valueChanged.connect(self._slid)
        self._slider.sliderReleased.connect(self._let_go)
        self._box = QLineEdit(objectName="number")
        self._box.setFont(number_font())
        self._box.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._box.setFixedWidth(66)
        self._box.editingFinished.connect(self._typed)
        self._inside.addWidget(self._slider, 0, 0)
        self._inside.addWidget(self._box, 0, 1, Qt.AlignmentFlag.AlignRight)
        self._value: Any = None

    def busy(self) -> bool:
        return self._slider.isSliderDown() or self._box.isModified()

    def show_value(self, value: Any) -> None:
        self._value = value
        swept = isinstance(value, tuple | list)
        self._slider.setEnabled(not swept)
        self._box.setText(f"{len(value)} values" if swept else number_text(value))
        self._box.setToolTip(", ".join(number_text(v) for v in value) if swept else self.toolTip())
        _mark_wrong(self._box, False)
        if not swept and self._range is not None:
            self._slider.blockSignals(True)
            self._slider.setValue(self._notch(value))
            self._slider.blockSignals(False)

    def _notch(self, value: float) -> int:
        low, high = self._range
        if self.field.knob.scale == "log":
            value = max(value, low)
            return round(NOTCHES * math.log(value / low) / math.log(high / low))
        return round(NOTCHES * (value - low) / (high - low))

    def _at(self, notch: int) -> float | int:
        low, high = self._range
        if self.field.knob.scale == "log":
            value = low * (high / low) ** (notch / NOTCHES)
        else:
            value = low + (high - low) * notch / NOTCHES
        value = self.field.type(round(value)) if self.field.type is int else float(f"{value:.3g}")
        return value if self.field.knob.allows(value) else self._inside_range(value)

    def _inside_range(self, value: float) -> float:
        """The nearest value below an excluded end: 0.999 instead of 1."""
        low, high = self._range
        step = (high - low) / NOTCHES
        return low + step if value <= low else high - step

    @Slot(int)
    def _slid(self, notch: int) -> None:
        value = self._at(notch)
        self._value = value
        self._box.setText(number_text(value))
        self.turned.emit(value)
        if not self._slider.isSliderDown():
            self.released.emit(value)

    @Slot()
    def _let_go(self) -> None:
        self.released.emit(self._value)

    @Slot()
    def _typed(self) -> None:
        if not self._box.isModified():
            return
        self._box.setModified(False)
        try:
            value = read_number(self._box.text(), self.field, sweeps=self._sweeps)
        except ValueError as error:
            _mark_wrong(self._box, True)
            self._box.setToolTip(str(error))
            self.complained.emit(str(error))
            return
        self.show_value(value)
        self.released.emit(value)
        self._box.clearFocus()


class _SwitchRow(_Row):
    """Yes or no."""

    def __init__(self, field: KnobField):
        super().__init__(field)
        self._box = QCheckBox()
        self._box.clicked.connect(self._clicked)
        self._inside.addWidget(self._box, 0, 0, Qt.AlignmentFlag.AlignLeft)

    def show_value(self, value: Any) -> None:
        self._box.setChecked(bool(value))

    @Slot(bool)
    def _clicked(self, on: bool) -> None:
        self.released.emit(on)


class _ChoiceRow(_Row):
    """One of a few words."""

    def __init__(self, field: KnobField, words: Sequence[str]):
        super().__init__(field)
        self._box = QComboBox()
        self._box.addItems(list(words))
        self._box.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._box.textActivated.connect(self._chosen)
        self._inside.addWidget(self._box, 0, 0)

    def show_value(self, value: Any) -> None:
        self._box.setCurrentText(getattr(value, "name", value))

    @Slot(str)
    def _chosen(self, word: str) -> None:
        self.released.emit(word)


class _TextRow(_Row):
    """Text, or a list of numbers."""

    def __init__(self, field: KnobField):
        super().__init__(field)
        self._box = QLineEdit()
        self._box.editingFinished.connect(self._typed)
        self._inside.addWidget(self._box, 0, 0)

    def busy(self) -> bool:
        return self._box.isModified()

    def show_value(self, value: Any) -> None:
        text = ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
        self._box.setText(text)
        _mark_wrong(self._box, False)

    @Slot()
    def _typed(self) -> None:
        if not self._box.isModified():
            return
        self._box.setModified(False)
        text = self._box.text()
        try:
            if typing.get_origin(self.field.type) is tuple:
                kind = typing.get_args(self.field.type)[0]
                value = self.field.check(
                    tuple(kind(part) for part in text.split(",") if part.strip())
                )
            else:
                value = self.field.check(text)
        except ValueError as error:
            _mark_wrong(self._box, True)
            self.complained.emit(f"{self.field.name}: {error}")
            return
        _mark_wrong(self._box, False)
        self.released.emit(value)


def read_number(text: str, field: KnobField, *, sweeps: bool) -> Any:
    """A number as people type it; with `sweeps` also a list "0.01, 0.1" or "0.001..1 x4".

    Raises:
        ValueError: text that is none of these, or a value that is not allowed.
    """
    text = text.strip().replace("−", "-")
    if sweeps and ".." in text:
        return _read_range(text, field)
    if sweeps and "," in text:
        return tuple(_read_one(part, field) for part in text.split(",") if part.strip())
    return _read_one(text, field)


def number_text(value: Any) -> str:
    """Three significant digits, as short as they can be said."""
    if value == 0:
        return "0"
    if isinstance(value, int):
        return str(value)
    if 1e-4 <= abs(value) < 1e5:
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.6g}"
    mantissa, exponent = f"{value:.3g}".split("e")
    return f"{mantissa}e{int(exponent)}"


def _read_one(text: str, field: KnobField) -> Any:
    try:
        number = float(text)
    except ValueError:
        raise ValueError(
            f"{field.name} = {text!r}: a number is needed, {field.knob.range_text()}"
        ) from None
    whole = field.type is int and math.isfinite(number) and number == int(number)
    return field.check(int(number) if whole else number)


def _read_range(text: str, field: KnobField) -> tuple:
    """A range such as 0.001..1 x4: that many values, evenly spaced on the knob's own scale."""
    ends, _, count_text = text.partition("x")
    low_text, _, high_text = ends.partition("..")
    low, high = _read_one(low_text, field), _read_one(high_text, field)
    count = int(count_text) if count_text.strip().isdigit() else 5
    if not 2 <= count <= 256:
        raise ValueError(f"{field.name}: a range of 2 to 256 values is needed, not {count}")
    parts = [i / (count - 1) for i in range(count)]
    if field.knob.scale == "log" and low > 0 and high > 0:
        values = [low * (high / low) ** part for part in parts]
    else:
        values = [low + (high - low) * part for part in parts]
    return tuple(field.check(float(f"{value:.6g}")) for value in values)


def _row(field: KnobField, *, sweeps: bool) -> _Row:
    if field.knob.kind:
        from lab.engine.catalogue import catalogue

        return _ChoiceRow(field, list(catalogue(field.knob.kind)))
    if field.choices:
        return _ChoiceRow(field, field.choices)
    if field.type is bool:
        return _SwitchRow(field)
    return _NumberRow(field, sweeps=sweeps) if field.is_number else _TextRow(field)


def _slider_range(field: KnobField) -> tuple[float, float] | None:
    """What a slider spans; None where there is nothing sensible to slide over."""
    knob = field.knob
    low, high = knob.slider or (knob.low, knob.high)
    if low is None or high is None or (knob.scale == "log" and low <= 0):
        return None
    return float(low), float(high)


def _words(field: KnobField) -> str:
    return _WORDS.get(field.name, field.name.replace("_", " "))


def _mark_wrong(box: QLineEdit, wrong: bool) -> None:
    if box.property("wrong") != wrong:
        box.setProperty("wrong", wrong)
        box.style().unpolish(box)
        box.style().polish(box)

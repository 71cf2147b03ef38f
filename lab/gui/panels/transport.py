"""The transport bar: play, step, speed, a timeline to scrub, the step box and follow."""

import math

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QToolBar,
    QToolButton,
    QWidget,
)

from lab.engine.messages import Frame
from lab.gui.actions import Actions
from lab.gui.bridge import Bridge
from lab.gui.icons import icon
from lab.gui.panels.timeline import Timeline
from lab.gui.panels.typed import TypedLine
from lab.gui.state import ViewState
from lab.gui.theme import number_font
from lab.palette import DARK, Theme

SLOWEST, FASTEST = 1.0, 10_000.0  # steps a second; one notch above is flat out
MOST_STEPS = 1_000_000_000
_NOTCHES = 200


class Transport(QToolBar):
    """The bar below everything."""

    scrubbed = Signal(int)  # a step the user moved the cursor to
    speed_chosen = Signal(float)
    end_chosen = Signal(int)  # a new length of the run
    complained = Signal(str)

    def __init__(self, bridge: Bridge, state: ViewState, actions: Actions, parent: QWidget):
        """Make the bar.

        Args:
            bridge: where frames come from.
            state: whose cursor is shown.
            actions: what the buttons do.
            parent: the window.
        """
        super().__init__("Transport", parent)
        self.setObjectName("transport")
        self.setMovable(False)
        self.toggleViewAction().setEnabled(False)
        self._bridge, self._state = bridge, state
        self._actions = actions
        self._theme = DARK
        holder = QWidget(self, objectName="bare")
        row = QHBoxLayout(holder)
        row.setContentsMargins(8, 6, 8, 6)
        row.setSpacing(8)
        for name in ("first", "back", "play", "forward", "last"):
            row.addWidget(self._button(f"experiment.{name}", holder))
        row.addSpacing(6)
        row.addWidget(QLabel("speed", holder, objectName="muted"))
        self._speed = QSlider(Qt.Orientation.Horizontal, holder)
        self._speed.setRange(0, _NOTCHES + 1)
        self._speed.setFixedWidth(110)
        self._speed.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._speed.setToolTip("Steps a second; all the way to the right: as fast as it goes")
        self._speed.valueChanged.connect(self._choose_speed)
        row.addWidget(self._speed)
        self._speed_text = QLabel(holder)
        self._speed_text.setFont(number_font())
        self._speed_text.setFixedWidth(64)
        row.addWidget(self._speed_text)
        self.timeline = Timeline(bridge, state, holder)
        self.timeline.scrubbed.connect(self.scrubbed)
        row.addWidget(self.timeline, 1)
        row.addWidget(QLabel("step", holder, objectName="muted"))
        self.step_box = self._number_box("The step shown; type one to go there", 76, holder)
        self.step_box.typed.connect(self._type_step)
        row.addWidget(self.step_box)
        row.addWidget(QLabel("/", holder, objectName="muted"))
        tip = "Where the run ends; type to make it longer or shorter"
        self.end_box = self._number_box(tip, 84, holder)
        self.end_box.setAlignment(Qt.AlignmentFlag.AlignLeft)
        self.end_box.typed.connect(self._type_end)
        row.addWidget(self.end_box)
        self._follow = QPushButton("follow", holder, objectName="follow")
        self._follow.setCheckable(True)
        self._follow.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._follow.setToolTip(actions["experiment.follow"].toolTip())
        self._follow.clicked.connect(actions["experiment.follow"].trigger)
        row.addWidget(self._follow)
        self.addWidget(holder)
        bridge.frame_changed.connect(self._show_frame)
        state.events.cursor.connect(self._show_cursor)
        state.events.follow.connect(self._show_follow)
        self._show_follow(state.follow)
        self._show_cursor(state.cursor)

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self._theme = theme
        self.timeline.set_theme(theme)
        self._show_play(self._bridge.frame.playing)

    @property
    def speed(self) -> float:
        """The speed chosen, in steps a second; infinite for flat out."""
        return _speed(self._speed.value())

    def set_speed(self, speed: float) -> None:
        """Show a speed and choose it."""
        self._speed.setValue(_notch(speed))
        self._choose_speed(self._speed.value())

    @Slot(int)
    def nudge_speed(self, notches: int) -> None:
        """A little faster, or slower."""
        self._speed.setValue(self._speed.value() + notches)

    def _button(self, name: str, parent: QWidget) -> QToolButton:
        is_play = name.endswith("play")
        button = QToolButton(parent, objectName="primary" if is_play else "step")
        button.setDefaultAction(self._actions[name])
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
        button.setFixedSize(QSize(44 if is_play else 32, 32))
        button.setIconSize(QSize(18, 18))
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        return button

    def _number_box(self, tip: str, width: int, parent: QWidget) -> TypedLine:
        box = TypedLine(parent, number=True)
        box.setFixedWidth(width)
        box.setToolTip(tip)
        return box

    @Slot(object)
    def _show_frame(self, frame: Frame) -> None:
        self._show_play(frame.playing)
        self.end_box.show_text(_spaced(frame.target))
        self.timeline.show_frame(frame)

    def _show_play(self, playing: bool) -> None:
        action = self._actions["experiment.play"]
        wanted = "Pause" if playing else "Play"
        if action.text() != wanted or action.data() != self._theme.name:
            action.setText(wanted)
            action.setData(self._theme.name)
            action.setIcon(icon(wanted.lower(), self._theme, self._theme.on_accent))

    def _show_cursor(self, step: int) -> None:
        self.step_box.show_text(_spaced(step))
        self.timeline.update()

    def _show_follow(self, follow: bool) -> None:
        self._follow.setChecked(follow)
        self._actions["experiment.follow"].setChecked(follow)

    @Slot(int)
    def _choose_speed(self, notch: int) -> None:
        speed = _speed(notch)
        self._speed_text.setText("flat out" if math.isinf(speed) else f"{_short(speed)} /s")
        self.speed_chosen.emit(speed)

    @Slot(str)
    def _type_step(self, text: str) -> None:
        step = self._read(self.step_box, "step", text)
        if step is not None:
            self.scrubbed.emit(step)
            self.step_box.show_text(_spaced(self._state.cursor), force=True)

    @Slot(str)
    def _type_end(self, text: str) -> None:
        end = self._read(self.end_box, "steps", text)
        if end is not None:
            self.end_box.show_text(_spaced(end), force=True)
            self.end_chosen.emit(end)

    def _read(self, box: TypedLine, name: str, text: str) -> int | None:
        """The number in a box; None, and a complaint, where it is none."""
        try:
            return whole_number(text, name)
        except ValueError as error:
            box.refuse(str(error))
            self.complained.emit(str(error))
            return None


def whole_number(text: str, name: str) -> int:
    """A whole number of steps, however its thousands are set apart.

    Raises:
        ValueError: something else.
    """
    digits = text
    for gap in (" ", "\N{NO-BREAK SPACE}", "\N{NARROW NO-BREAK SPACE}", ",", "_"):
        digits = digits.replace(gap, "")
    if not digits.isdecimal() or not int(digits) <= MOST_STEPS:
        raise ValueError(
            f"{name} = {text.strip()!r}: a whole number from 0 to {MOST_STEPS:,} is needed"
        )
    return int(digits)


def _speed(notch: int) -> float:
    """Steps a second at a notch of the slider; the last one is flat out."""
    if notch > _NOTCHES:
        return math.inf
    return SLOWEST * (FASTEST / SLOWEST) ** (notch / _NOTCHES)


def _notch(speed: float) -> int:
    if math.isinf(speed):
        return _NOTCHES + 1
    return round(_NOTCHES * math.log(max(speed, SLOWEST) / SLOWEST) / math.log(FASTEST / SLOWEST))


def _short(speed: float) -> str:
    return f"{speed:.1f}" if speed < 10 else f"{float(f'{speed:.2g}'):,.0f}"


def _spaced(number: int) -> str:
    """Thousands with thin gaps between them."""
    return f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")

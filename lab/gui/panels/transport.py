"""The transport bar: play, step, speed, a timeline to scrub, the step box and follow."""

import math

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QSlider,
    QToolBar,
    QToolButton,
    QWidget,
)

from lab.engine.messages import Frame
from lab.gui.actions import Actions
from lab.gui.bridge import Bridge
from lab.gui.icons import icon
from lab.gui.state import ViewState
from lab.gui.theme import CAPTION_POINTS, number_font
from lab.palette import DARK, Theme

SLOWEST, FASTEST = 1.0, 10_000.0  # steps a second; one notch above is flat out
_NOTCHES = 200
_MARKED = ("knob", "branch", "diverged", "failed")


class Transport(QToolBar):
    """The bar below everything."""

    scrubbed = Signal(int)  # a step the user moved the cursor to
    speed_chosen = Signal(float)
    end_chosen = Signal(int)  # a new length of the run

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
        row = QHBoxLayout()
        row.setContentsMargins(8, 6, 8, 6)
        row.setSpacing(8)
        for name in ("first", "back", "play", "forward", "last"):
            row.addWidget(self._button(f"experiment.{name}"))
        row.addSpacing(6)
        row.addWidget(QLabel("speed", objectName="muted"))
        self._speed = QSlider(Qt.Orientation.Horizontal)
        self._speed.setRange(0, _NOTCHES + 1)
        self._speed.setFixedWidth(110)
        self._speed.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._speed.setToolTip("Steps a second; all the way to the right: as fast as it goes")
        self._speed.valueChanged.connect(self._choose_speed)
        row.addWidget(self._speed)
        self._speed_text = QLabel()
        self._speed_text.setFont(number_font())
        self._speed_text.setFixedWidth(64)
        row.addWidget(self._speed_text)
        self.timeline = Timeline(bridge, state)
        self.timeline.scrubbed.connect(self.scrubbed)
        row.addWidget(self.timeline, 1)
        row.addWidget(QLabel("step", objectName="muted"))
        self._step = self._number_box("The step shown; type one to go there", 64)
        self._step.editingFinished.connect(self._type_step)
        row.addWidget(self._step)
        row.addWidget(QLabel("/", objectName="muted"))
        self._end = self._number_box("Where the run ends; type to make it longer or shorter", 72)
        self._end.setAlignment(Qt.AlignmentFlag.AlignLeft)
        self._end.editingFinished.connect(self._type_end)
        row.addWidget(self._end)
        self._follow = QPushButton("follow", objectName="follow")
        self._follow.setCheckable(True)
        self._follow.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._follow.setToolTip(actions["experiment.follow"].toolTip())
        self._follow.clicked.connect(actions["experiment.follow"].trigger)
        row.addWidget(self._follow)
        holder = QWidget(objectName="bare")
        holder.setLayout(row)
        self.addWidget(holder)
        bridge.frame_changed.connect(self._show_frame)
        state.events.cursor.connect(self._show_cursor)
        state.events.follow.connect(self._show_follow)
        self._show_follow(state.follow)

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self._theme = theme
        self.timeline.set_theme(theme)
        self._show_play(self._bridge.frame.playing)

    def set_speed(self, speed: float) -> None:
        """Show a speed and choose it."""
        self._speed.setValue(_notch(speed))
        self._choose_speed(self._speed.value())

    def nudge_speed(self, notches: int) -> None:
        """A little faster, or slower."""
        self._speed.setValue(self._speed.value() + notches)

    def _button(self, name: str) -> QToolButton:
        button = QToolButton(objectName="primary" if name.endswith("play") else "")
        button.setDefaultAction(self._actions[name])
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
        button.setFixedSize(QSize(44 if name.endswith("play") else 32, 32))
        button.setIconSize(QSize(18, 18))
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        return button

    def _number_box(self, tip: str, width: int) -> QLineEdit:
        box = QLineEdit(objectName="number")
        box.setFont(number_font())
        box.setFixedWidth(width)
        box.setAlignment(Qt.AlignmentFlag.AlignRight)
        box.setToolTip(tip)
        return box

    @Slot(object)
    def _show_frame(self, frame: Frame) -> None:
        self._show_play(frame.playing)
        if not self._end.hasFocus():
            self._end.setText(f"{frame.target:,}".replace(",", " "))
        self.timeline.update()

    def _show_play(self, playing: bool) -> None:
        action = self._actions["experiment.play"]
        wanted = "Pause" if playing else "Play"
        if action.text() != wanted or action.data() != self._theme.name:
            action.setText(wanted)
            action.setData(self._theme.name)
            action.setIcon(icon(wanted.lower(), self._theme, self._theme.on_accent))

    def _show_cursor(self, step: int) -> None:
        if not self._step.hasFocus():
            self._step.setText(f"{step:,}".replace(",", " "))
        self.timeline.update()

    def _show_follow(self, follow: bool) -> None:
        self._follow.setChecked(follow)
        self._actions["experiment.follow"].setChecked(follow)

    @Slot(int)
    def _choose_speed(self, notch: int) -> None:
        speed = _speed(notch)
        self._speed_text.setText("flat out" if math.isinf(speed) else f"{_short(speed)} /s")
        self.speed_chosen.emit(speed)

    @Slot()
    def _type_step(self) -> None:
        step = _whole(self._step.text())
        if step is not None:
            self.scrubbed.emit(step)
        self._step.setText(f"{self._state.cursor:,}".replace(",", " "))
        self._step.clearFocus()

    @Slot()
    def _type_end(self) -> None:
        end = _whole(self._end.text())
        if end is not None and end != self._bridge.frame.target:
            self.end_chosen.emit(end)
        self._end.setText(f"{self._bridge.frame.target:,}".replace(",", " "))
        self._end.clearFocus()


class Timeline(QWidget):
    """The run from its start to its end: what is on record, what happened, and the cursor."""

    scrubbed = Signal(int)

    def __init__(self, bridge: Bridge, state: ViewState):
        """Make an empty timeline."""
        super().__init__()
        self._bridge, self._state = bridge, state
        self._theme = DARK
        self.setMinimumWidth(160)
        self.setFixedHeight(34)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName("timeline")

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self._theme = theme
        self.update()

    def x_of(self, step: int) -> float:
        """Where a step lies, in pixels."""
        end = max(1, self._bridge.frame.target, self._state.cursor)
        return 7 + (self.width() - 14) * min(1.0, step / end)

    def step_of(self, x: float) -> int:
        """Which step lies at a pixel."""
        end = max(1, self._bridge.frame.target, self._state.cursor)
        return max(0, min(end, round((x - 7) / max(1, self.width() - 14) * end)))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the groove, the part on record, the marks and the cursor."""
        frame, theme = self._bridge.frame, self._theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle = self.height() / 2 + 5
        ends = (self.x_of(0), self.width() - 7.0)
        for right, colour in ((ends[1], theme.line), (self.x_of(frame.head), theme.muted)):
            painter.setPen(_round_pen(colour))
            painter.drawLine(QPointF(ends[0], middle), QPointF(right, middle))
        at = self.x_of(self._state.cursor)
        painter.setPen(_round_pen(theme.accent))
        painter.drawLine(QPointF(ends[0], middle), QPointF(at, middle))
        self._draw_marks(painter, middle)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.text))
        painter.drawEllipse(QPointF(at, middle), 6.0, 6.0)
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Go there."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.scrubbed.emit(self.step_of(event.position().x()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Scrub while the button is held; otherwise say what is under the pointer."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self.scrubbed.emit(self.step_of(event.position().x()))
            return
        near = [text for x, _, _, text in self._marks() if abs(x - event.position().x()) < 6]
        self.setToolTip("\n".join(near) or f"step {self.step_of(event.position().x())}")

    def _marks(self) -> list[tuple[float, str, str, str]]:
        """Things that happened: x, colour, short text, long text."""
        recording = self._bridge.frame.recording
        if recording is None:
            return []
        names = list(recording.records)
        marks = []
        for event in list(recording.events):
            if event.kind not in _MARKED or event.lane not in names:
                continue
            colour = self._theme.lane(names.index(event.lane))
            short, long = _describe(event)
            if event.kind in ("diverged", "failed"):
                colour = self._theme.warning
            marks.append((self.x_of(event.step), colour, short, long))
        return marks

    def _draw_marks(self, painter: QPainter, middle: float) -> None:
        painter.setFont(number_font(CAPTION_POINTS - 1))
        metrics = painter.fontMetrics()
        free = 0.0
        for x, colour, short, _ in sorted(self._marks()):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colour))
            diamond = [QPointF(x, middle - 12), QPointF(x + 4, middle - 8)]
            diamond += [QPointF(x, middle - 4), QPointF(x - 4, middle - 8)]
            painter.drawPolygon(QPolygonF(diamond))
            width = metrics.horizontalAdvance(short)
            if x + 6 >= free and x + 6 + width < self.width():
                painter.setPen(QColor(colour))
                box = QRectF(x + 6, middle - 16, width + 2, 14)
                painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, short)
                free = x + 14 + width


def _round_pen(colour: str) -> QPen:
    solid = Qt.PenStyle.SolidLine
    return QPen(QColor(colour), 3, solid, Qt.PenCapStyle.RoundCap)


def _describe(event: object) -> tuple[str, str]:
    """What happened, in a word and in a sentence."""
    where = f"step {event.step}: {event.lane}"
    if event.kind == "knob":
        knob, value = next(iter(event.data.items()))
        return f"{knob} → {value:.3g}", f"{where}, {knob} set to {value:.6g}"
    if event.kind == "branch":
        return "branch", f"{where} branches from {event.data['of']}"
    if event.kind == "diverged":
        return "diverged", f"{where}, run {event.data['run'] + 1} diverged"
    return "failed", f"{where} failed: {event.data['message']}"


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


def _whole(text: str) -> int | None:
    """A whole number of at least 0, however its thousands are set apart; None if it is none."""
    digits = text.replace(" ", "").replace(" ", "").replace(",", "").replace("_", "")
    return int(digits) if digits.isdecimal() else None

"""What the landscape shows of its plane: the loss, a metric, or how curved it is there."""

from typing import Any, NamedTuple

import numpy as np
from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QToolButton, QWidget

from lab.engine.messages import Trouble
from lab.gui.bridge import Bridge
from lab.gui.state import ViewState
from lab.gui.views.survey import Survey

KEY = ("curvature_map",)
POINTS = 17  # along each side of a curvature map
WORDS = {
    "loss": "loss",
    "metric": "accuracy",
    "largest": "λ max",
    "smallest": "λ min",
    "ratio": "|λ min / λ max|",
}
TIPS = {
    "loss": "The loss on all data",
    "metric": "What the problem tells beside the loss: accuracy, or the root mean squared error",
    "largest": "The largest eigenvalue of the Hessian at each point",
    "smallest": "The smallest eigenvalue: below 0 the loss curves downwards somewhere",
    "ratio": "Small where the loss is convex in all directions, not only in the two drawn",
}
CURVED = ("largest", "smallest", "ratio")


class Layer(NamedTuple):
    """What is to be drawn.

    Attributes:
        title: what the colours mean.
        x: (nx,).
        y: (ny,).
        values: (ny, nx), every missing point with its nearest neighbour's.
        done: the part that is known, 0 to 1.
        log: whether a logarithmic scale suits it.
    """

    title: str
    x: np.ndarray
    y: np.ndarray
    values: np.ndarray
    done: float
    log: bool


class Layers(QObject):
    """The chosen layer; asks for the curvature map where it is wanted."""

    changed = Signal()

    def __init__(self, bridge: Bridge, state: ViewState, survey: Survey, parent: QWidget):
        """Begin with the loss.

        Args:
            bridge: where maps are asked for.
            state: which layer is chosen.
            survey: the ground, and the surface on it.
            parent: Qt's owner.
        """
        super().__init__(parent)
        self._bridge, self._state, self._survey = bridge, state, survey
        self._map: Any = None
        self._done, self.trouble, self.stopped = 0.0, "", False
        self._taken: Any = None
        self._asked: tuple = ()
        self.button = self._make_menu(parent)
        state.events.layer.connect(self._chosen)

    @property
    def curved(self) -> bool:
        """Whether a curvature map is what is shown."""
        return self._state.layer in CURVED

    @property
    def done(self) -> float:
        """The part of the curvature map that is known."""
        return self._done

    def signature(self) -> tuple:
        """What the picture depends on."""
        return self._state.layer, id(self._bridge.frame.partials.get(KEY)), self.stopped

    def look(self) -> bool:
        """Take what the engine knows by now, ask for what is wanted; whether anything is new."""
        metrics = list(getattr(self._survey.surface, "metrics", ()))
        word = metrics[0] if metrics else WORDS["metric"]
        flat = hasattr(self._survey.surface, "y") or self._survey.surface is None
        self._actions["metric"].setText(word)
        self._actions["metric"].setVisible(bool(metrics))
        self.button.setVisible(flat)
        chosen = word if self._state.layer == "metric" else WORDS[self._state.layer]
        self.button.setText(f"{chosen} ▾")
        if self.curved:
            self._ask()
        partial = self._bridge.frame.partials.get(KEY)
        if partial is None or partial is self._taken:
            return False
        self._taken = partial
        if isinstance(partial.value, Trouble):
            self.trouble = partial.value.sentence
        else:
            self._map, self._done, self.trouble = partial.value, partial.done, ""
        return True

    def layer(self) -> Layer | None:
        """What is to be drawn; None while nothing is known of it."""
        surface, kind = self._survey.surface, self._state.layer
        if self.curved:
            found = self._map
            if found is None or not self._is_here(found):
                return None
            values = np.array(found.painted(kind))
            return Layer(WORDS[kind], found.x, found.y, values, self._done, False)
        if surface is None or not hasattr(surface, "y"):
            return None
        name = next(iter(surface.metrics), "loss") if kind == "metric" else "loss"
        log = self._state.log_scale and name == "loss"
        title = name.replace("_", " ")
        return Layer(title, surface.x, surface.y, surface.painted(name), self._survey.done, log)

    def cancel(self) -> None:
        """Stop the map that is on its way; what is known stays."""
        self._bridge.post("cancel", KEY)
        self.stopped = True
        self.changed.emit()

    def go_on(self) -> None:
        """Go on from what is known of the map."""
        self.stopped = False
        known = self._map if self._map is not None and self._is_here(self._map) else None
        self._post(known)
        self.changed.emit()

    def _ask(self) -> None:
        """Ask for the map of the plane and window that are seen, unless that was done."""
        ground, surface = self._survey.ground, self._survey.surface
        if self._bridge.frame.readonly or surface is None or not hasattr(surface, "y"):
            return
        if not ground.exact and ground.plane is None:
            return
        wanted = (id(self._bridge.frame.recording), id(ground), *_ends(surface))
        if wanted != self._asked:
            self._asked, self.stopped = wanted, False
            self._post(None)

    def _post(self, known: Any) -> None:
        window = _ends(self._survey.surface)
        options = {"window": window, "points": POINTS, "step": self._state.cursor}
        if not self._survey.ground.exact:
            options["on"] = self._survey.ground.plane
        if known is not None:
            options["known"] = known
        self._bridge.post("ask", "curvature_map", KEY, options, key=("ask", *KEY))

    def _is_here(self, found: Any) -> bool:
        """Whether a map lies on the ground that is drawn."""
        ground = self._survey.ground
        if ground.exact:
            return found.plane.kind == "native"
        return ground.plane is not None and np.array_equal(found.plane.d1, ground.plane.d1)

    def _make_menu(self, parent: QWidget) -> QToolButton:
        button = QToolButton(parent, objectName="flat", text=f"{WORDS['loss']} ▾")
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        button.setToolTip("What the colours of the landscape are")
        menu, group = QMenu(button), QActionGroup(button)
        menu.setToolTipsVisible(True)
        self._actions: dict[str, QAction] = {}
        for name, word in WORDS.items():
            action = self._actions[name] = menu.addAction(word)
            action.setCheckable(True)
            action.setData(name)
            action.setToolTip(TIPS[name])
            group.addAction(action)
        self._actions["loss"].setChecked(True)
        group.triggered.connect(self._choose)
        button.setMenu(menu)
        return button

    @Slot(QAction)
    def _choose(self, action: QAction) -> None:
        self._state.layer = action.data()

    def _chosen(self, layer: str) -> None:
        self._actions[layer].setChecked(True)
        if layer not in CURVED and self._done < 1 and self._asked:
            self._bridge.post("cancel", KEY)
            self._asked = ()
        self.changed.emit()


def _ends(surface: Any) -> tuple[tuple[float, float], ...]:
    """The window that a surface covers."""
    return tuple((float(axis[0]), float(axis[-1])) for axis in (surface.x, surface.y))

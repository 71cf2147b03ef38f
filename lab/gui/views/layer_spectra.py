"""Layer spectra: leading eigenvalues, or densities, of every layer and of the whole."""

from typing import Any

import numpy as np
from PySide6.QtWidgets import QStackedLayout, QWidget

from lab.gui.bridge import Bridge
from lab.gui.state import ViewState
from lab.gui.views.asking import STALE
from lab.gui.views.layer_densities_plot import LayerDensitiesPlot
from lab.gui.views.layer_spectra_plot import LANES, Lane, LayerSpectraPlot, names_of
from lab.gui.views.matrix_menu import MATRICES
from lab.gui.views.measured import Measured
from lab.gui.views.probing import NOTHING, LaneProbing
from lab.gui.views.segments import Segments
from lab.gui.views.words import short
from lab.palette import Theme

Kind = tuple[str, str]  # an operator, and the names of the layers
LAYERS, DENSITIES = "layers", "densities"
ASKED = {"probes": 4}  # random vectors of densities that are asked for here


class LayerSpectra(LaneProbing):
    """Eigenvalues against layers, or densities of all layers, at the cursor."""

    name = "layer_spectra"
    title = "By layer"
    export_name = "layer_spectra"
    every = 8
    probe = "layer_spectra"
    empty = (
        "The leading eigenvalues of every layer appear here: tick “Layer spectra” under “Measure "
        "while running”, or measure at this step."
    )

    def __init__(self, bridge: Bridge, state: ViewState, parent: QWidget | None = None):
        """Begin empty."""
        super().__init__(bridge, state, parent, Measured(self.probe, wanted=_is_planned))
        self._plots = {LAYERS: LayerSpectraPlot(), DENSITIES: LayerDensitiesPlot()}
        self._stack = QStackedLayout(self)
        for plot in self._plots.values():
            plot.set_note(NOTHING)
            self._stack.addWidget(plot)
        tips = (
            "The leading eigenvalues of every layer at the cursor, and of the whole",
            "The density of all eigenvalues of every layer at the cursor",
        )
        self._modes = Segments(tuple(self._plots), tips)
        self._modes.chosen.connect(self._look_again)
        self._keys: dict[str, Any] = {}  # what is drawn in each plot

    def header_widgets(self) -> list[QWidget]:
        """The switch between the pictures."""
        return [self._modes]

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        super().set_theme(theme)
        for plot in self._plots.values():
            plot.set_theme(theme)
        self._keys.clear()

    def draw(self) -> None:
        """Draw the recording at the cursor."""
        if self.follow():
            self._keys.clear()
        mode, found = self._modes.choice, self.newest()
        if found:
            kind = _kind_of(found[0][1])
            found = [item for item in found if _kind_of(item[1]) == kind]
        plot = self._plots[mode]
        self._stack.setCurrentWidget(plot)
        there = found and (mode != DENSITIES or "density" in found[0][1].arrays)
        if self.waits(found):
            plot.fade(STALE)
        else:
            plot.set_note("" if there else self.reason())
            self._show(mode, found if there else [])
        shown = found[0][1] if there else None
        self.tell(shown, [] if shown is None else self._about(shown, len(found)))

    def wish(self) -> dict[str, Any] | None:
        """The lane to measure, where there are layers with curvature; with densities if wanted."""
        wish = None if self._trouble() else super().wish()
        if wish is None or self._modes.choice != DENSITIES:
            return wish
        planned = [plan.knobs for plan in self.recording.experiment.probes if self.is_meant(plan)]
        return wish if any(knobs.get("probes") for knobs in planned) else {**wish, "knobs": ASKED}

    def reason(self) -> str:
        """Why there is nothing to see."""
        if self._modes.choice == DENSITIES and not self._trouble():
            return (
                "Densities of every layer appear here: measure at this step, or set “probes” of "
                "“Layer spectra” under “Measure while running”."
            )
        return self._trouble() or super().reason()

    def _show(self, mode: str, found: list[tuple[int, Any]]) -> None:
        """Draw what is not drawn yet; the ranges jump where it is of another kind."""
        plot, old = self._plots[mode], self._keys.pop(mode, None)
        if not found:
            plot.show_nothing()
            return
        records, first = self.recording.records, found[0][1]
        lanes = [
            Lane(records[result.lane].spec.title, self.theme.lane(place), result)
            for place, result in found
        ]
        kind, opacity = _kind_of(first), self.opacity(first)
        drawn = [(id(lane.result), lane.title, lane.colour) for lane in lanes]
        key = self._keys[mode] = kind, drawn, opacity, plot.width()
        if key != old:
            plot.show_lanes(lanes, opacity, at_once=old is None or old[0] != kind)

    def _about(self, found: Any, lanes: int) -> list[str]:
        """What is known of a result, the most important first."""
        title, info = self.recording.records[found.lane].spec.title, found.info
        words = [f"{title}, step {found.step}", f"λmax {short(info['lambda_max'])}"]
        if info["operator"] != "hessian":
            words.insert(1, MATRICES[info["operator"]][0])
        tops = np.asarray(found.arrays[f"{info['by']}_largest"], dtype=np.float64)
        if np.isfinite(tops).any():
            at = int(np.nanargmax(tops))
            words.append(f"layer {names_of(found)[at]} {short(tops[at])}")
        words.append(f"{info['products']} products")
        missed = int((~np.asarray(found.arrays["converged"])).sum())
        if missed:
            words.append(f"{missed} not converged")
        if self._modes.choice == LAYERS and lanes > LANES:
            words.append(f"{LANES} of {lanes} lanes")
        return words

    def _trouble(self) -> str:
        """Why nothing can be measured, as a sentence; empty if it can."""
        reasons = self.recording.header.get("problem", {}).get("unfit", {})
        reason = reasons.get(self.probe, "")
        return reason and f"Layers cannot be measured here: {reason}."


def _kind_of(found: Any) -> Kind:
    """Which matrix was measured, and of which layers: what is drawn together."""
    return found.info["operator"], found.info["names"]


def _is_planned(found: Any) -> bool:
    """Whether a result belongs to the lane's own curve, and not to a run chosen by hand."""
    return not found.info.get("chosen", False)

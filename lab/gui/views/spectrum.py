"""The Hessian's spectrum: at the cursor, and its largest eigenvalues over the run."""

from functools import partial
from typing import Any

import numpy as np
from PySide6.QtCore import Slot
from PySide6.QtWidgets import QStackedLayout, QWidget

from lab.engine.limits import Limit, kind_of, limit, limits_along
from lab.gui.bridge import Bridge
from lab.gui.state import ViewState
from lab.gui.views.asking import STALE
from lab.gui.views.eigenvalues import ROWS, Row, SpectrumPlot, outliers_text
from lab.gui.views.matrix_menu import HESSIAN, MATRICES, Kind, MatrixMenu
from lab.gui.views.measured import Measured
from lab.gui.views.plot import reach
from lab.gui.views.probing import NOTHING, LaneProbing
from lab.gui.views.segments import Segments
from lab.gui.views.track import Track
from lab.gui.views.tracks import Pace, TracksPlot
from lab.gui.views.words import short
from lab.palette import Theme

FOLLOWED = 5  # eigenvalues of each lane over the run
_KNOWN = 0.5  # of a count: a larger error leaves nothing to say
FEW = 8  # parameters up to which the run is shown first, one step second


class Spectrum(LaneProbing):
    """Density or sticks at the cursor; the largest eigenvalues against steps.

    Another matrix than the Hessian, or one layer's block, can be chosen: what was measured of it is
    shown, and can be asked for.
    """

    name = "spectrum"
    title = "Spectrum"
    export_name = "spectrum"
    every = 8
    probe = "hessian_spectrum"
    empty = (
        "Eigenvalues of the Hessian appear here: tick “Hessian spectrum” under “Measure while "
        "running”, or measure at this step."
    )

    def __init__(self, bridge: Bridge, state: ViewState, parent: QWidget | None = None):
        """Begin empty."""
        super().__init__(bridge, state, parent, _measured(HESSIAN))
        self._now, self._along = SpectrumPlot(), TracksPlot("eigenvalue λ")
        for plot in (self._now, self._along):
            plot.set_note(NOTHING)
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self._now)
        self._stack.addWidget(self._along)
        tips = ("The spectrum at the cursor", "The largest eigenvalues against steps")
        self._modes = Segments(("density", "over time"), tips)
        self._modes.chosen.connect(self._choose)
        self._matrix = MatrixMenu()
        self._matrix.chosen.connect(self._turn)
        self._chosen = False  # whether the user chose what is shown
        self._now_key: Any = None  # what is drawn in each plot
        self._along_key: Any = None
        self._pace = Pace()

    def header_widgets(self) -> list[QWidget]:
        """Which matrix, and the switch between one step and the run."""
        return [self._matrix, self._modes]

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        super().set_theme(theme)
        self._now.set_theme(theme)
        self._along.set_theme(theme)
        self._now_key = self._along_key = None

    def draw(self) -> None:
        """Draw the recording at the cursor."""
        if self._seen is not self.recording:
            self._settle()
        if self.follow():
            self._now_key = self._along_key = None
        if not self._chosen:
            dim = self.recording.header.get("problem", {}).get("dim", 0)
            self._modes.choose("over time" if 0 < dim <= FEW else "density")
        over_time = self._modes.choice == "over time"
        found = self.newest()
        waits = self.waits(found)
        plot = self._along if over_time else self._now
        self._stack.setCurrentWidget(plot)
        if waits:
            plot.fade(STALE)
        elif over_time:
            self._draw_along()
        else:
            self._draw_now(found)
        shown = found[0][1] if found else None
        words = [] if shown is None else self._about(shown)
        if not over_time and shown is not None and shown.exact and len(found) > ROWS:
            words.append(f"{ROWS} of {len(found)} lanes")
        self.tell(shown, words, offered=not (over_time and found))

    def wish(self) -> dict[str, Any] | None:
        """The lane to measure, where curvature can be measured at all."""
        wish = None if self._trouble() else super().wish()
        if wish is None or self._matrix.kind == self._planned_kind():
            return wish
        operator, layer = self._matrix.kind
        return {**wish, "knobs": {"operator": operator, "layer": layer}}

    def reason(self) -> str:
        """Why there is nothing to see."""
        trouble = self._trouble()
        if trouble:
            return f"Curvature cannot be measured here: {trouble}."
        said = super().reason()
        if said != self.empty or self._matrix.kind == self._planned_kind():
            return said
        operator, layer = self._matrix.kind
        what = f"{MATRICES[operator][1]}{f', block of {layer},' if layer else ''}"
        return f"The {what} was not measured here yet: measure it at this step."

    def is_meant(self, plan: Any) -> bool:
        """Plans of the matrix that is chosen."""
        return super().is_meant(plan) and _kind_of_plan(plan) == self._matrix.kind

    def _planned_kind(self) -> Kind:
        """The matrix that a measurement is of where nothing else is asked for."""
        plans = [plan for plan in self.recording.experiment.probes if plan.name == self.probe]
        return _kind_of_plan(plans[-1]) if plans else HESSIAN

    def _settle(self) -> None:
        """Offer what this recording's problem has; show what its plan measures."""
        problem = self.recording.header.get("problem", {})
        names, network = problem.get("names", ()), problem.get("family") == "network"
        self._matrix.offer(names, network=network)
        operator, layer = self._matrix.kind
        there = (network or operator == "hessian") and (not layer or layer in names)
        if self._seen is None or not there or self._matrix.kind == HESSIAN:
            self._matrix.choose(self._planned_kind())
        self._measured = _measured(self._matrix.kind)

    def _draw_now(self, found: list[tuple[int, Any]]) -> None:
        """The spectrum at the cursor, the selected lane's first."""
        self._now.set_note("" if found else self.reason())
        if not found:
            return
        opacity = self.opacity(found[0][1])
        rows = [self._row(*item) for item in found]
        key = [(id(row.result), row.limit, row.colour) for row in rows], opacity
        if key != self._now_key:
            self._now_key = key
            self._now.show_spectra(rows, opacity)

    def _row(self, place: int, result: Any) -> Row:
        spec = self.recording.records[result.lane].spec
        edge = self._limit(spec, result.step, result.run)
        return Row(spec.title, self.theme.lane(place), result, edge)

    def _limit(self, spec: Any, step: int, run: int = 0) -> Limit | None:
        """What curvature the steps can stand, for the whole Hessian alone."""
        return limit(spec, step, run) if self._matrix.kind == HESSIAN else None

    def _draw_along(self) -> None:
        """The largest eigenvalues of all visible lanes against steps."""
        lanes = self.ordered()
        end = reach(self.bridge.frame.head, self.bridge.frame.target)
        specs = tuple(self.recording.records[lane].spec for _, lane in lanes)
        key = self._measured.count, lanes, end, specs
        fresh = self._along_key is None
        if key != self._along_key and self._pace.allows(fresh):
            self._along_key = key
            tracks = [self._track(*item, end, strong=i == 0) for i, item in enumerate(lanes)]
            tracks = [track for track in tracks if len(track.steps)]
            self._along.set_note("" if tracks else self.reason())
            self._along.show_tracks(tracks[::-1], end, at_once=fresh)
        elif key != self._along_key:
            self.outdated()
        self._along.show_cursor(self.state.cursor)

    def _track(self, place: int, lane: str, end: int, *, strong: bool) -> Track:
        record = self.recording.records[lane]
        steps, rows = self._measured.table(lane)
        now = self._limit(record.spec, end)
        return Track(
            record.spec.title,
            self.theme.lane(place),
            strong,
            steps,
            rows[:, :1].T.ravel(),
            rows[:, 1:].T,
            limit=([], []) if now is None else limits_along(record.spec, (0, end)),
            formula=now.formula if now else "",
        )

    def _about(self, found: Any) -> list[str]:
        """What is known of a result, the most important first."""
        title = self.recording.records[found.lane].spec.title
        words = [f"{title}, step {found.step}", f"λmax {short(found.lambda_max)}"]
        info = found.info
        if "outliers" in info and "grid" in found.arrays:
            words.append(outliers_text(found))
        words.append(f"λmin {short(found.lambda_min)}")
        count, error = info.get("negative", np.nan), info.get("negative_error", np.nan)
        if error <= _KNOWN * count or error == 0:
            words.append(f"index {count:.0f}{f' ± {error:.0f}' if error else ''}")
        if "batch_size" in info:
            words.append(
                f"batches of {info['batch_size']}: {short(info['batch_lambda_max'])}, "
                f"predicted {short(info['predicted_lambda_max'])}, "
                f"along the eigenvectors {short(info['local_lambda_max'])}"
            )
        if found.exact:
            words.append(f"all {found.dim} exact")
        elif "trace" in info:
            error = 100 * found.trace_error / abs(found.trace) if found.trace else np.nan
            words.append(f"trace {short(found.trace)} ± {short(error, 2)} %")
        words.append(f"residual {short(float(np.max(found.residuals)), 1)}")
        if not found.converged:
            words.append("not converged")
        return words

    def _trouble(self) -> str:
        return self.recording.header.get("problem", {}).get("hessian_trouble", "")

    @Slot()
    def _turn(self) -> None:
        """Another matrix was chosen."""
        self._measured = _measured(self._matrix.kind)
        self._now_key = self._along_key = None
        self.outdated()

    @Slot(str)
    def _choose(self, mode: str) -> None:
        self._chosen = True
        self.outdated()


def _largest(found: Any) -> list[float]:
    """The eigenvalues that are followed, falling; NaN where there are fewer."""
    values = np.sort(np.asarray(found.eigenvalues, dtype=np.float64)[:FOLLOWED])[::-1]
    return [*values, *[np.nan] * (FOLLOWED - len(values))]


def _measured(kind: Kind) -> Measured:
    """Sorts the results of one matrix."""
    return Measured(Spectrum.probe, _largest, wanted=partial(_is_wanted, kind))


def _is_wanted(kind: Kind, found: Any) -> bool:
    """Whether a result is of a matrix, and belongs to the lane's own curve."""
    return kind_of(found) == kind and not found.info.get("chosen", False)


def _kind_of_plan(plan: Any) -> Kind:
    """The matrix that a plan measures."""
    return plan.knobs.get("operator", "hessian"), plan.knobs.get("layer", "")

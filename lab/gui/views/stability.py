"""The edge of stability: the curvature that steps meet, and how much they can stand."""

from typing import Any

import numpy as np
from PySide6.QtWidgets import QStackedLayout, QWidget

from lab.engine.limits import GRADIENT_RULES, limits_along
from lab.gui.bridge import Bridge
from lab.gui.state import ViewState
from lab.gui.views.asking import STALE
from lab.gui.views.edge_plot import PRECONDITIONED, EdgePlot
from lab.gui.views.measured import Measured
from lab.gui.views.plot import reach
from lab.gui.views.probing import NOTHING, LaneProbing
from lab.gui.views.rates_plot import RatesPlot, curves_of
from lab.gui.views.segments import Segments
from lab.gui.views.track import Track
from lab.gui.views.tracks import Pace
from lab.gui.views.words import short
from lab.palette import Theme

SHARPNESS, RATIO, RATES = "λmax", "ratio", "rates"
ASKED = {"rate_pairs": 16, "coherence_samples": 32}  # of a prediction that is asked for here
_COLUMNS = (
    "lambda_max",
    "limit",
    "decay",
    "ratio",
    "preconditioned",
    "batch_lambda_max",
    "batch_ratio",
)


class Stability(LaneProbing):
    """Sharpness and its limit against steps, their ratio, and rates against batch sizes."""

    name = "stability"
    title = "Stability"
    export_name = "stability"
    every = 8
    probe = "stability"
    empty = (
        "The largest curvature along the run and how much the steps can stand appear here: tick "
        "“Stability” under “Measure while running”, or measure at this step."
    )

    def __init__(self, bridge: Bridge, state: ViewState, parent: QWidget | None = None):
        """Begin empty."""
        super().__init__(bridge, state, parent, Measured(self.probe, _numbers, wanted=_is_planned))
        self._predicted = Measured(self.probe, wanted=curves_of)
        self._sharpness = EdgePlot("sharpness λmax")
        self._ratio = EdgePlot("sharpness / limit", unit_line="limit")
        self._rates = RatesPlot()
        self._stack = QStackedLayout(self)
        for plot in (self._sharpness, self._ratio, self._rates):
            plot.set_note(NOTHING)
            self._stack.addWidget(plot)
        tips = (
            "The Hessian's largest eigenvalue against steps; dashed, what each rule stands",
            "The curvature that steps meet over what they stand: above 1 they grow",
            "The largest learning rate against the batch size, as foretold at the cursor",
        )
        self._modes = Segments((SHARPNESS, RATIO, RATES), tips)
        self._modes.chosen.connect(self._look_again)
        self._keys: dict[str, Any] = {}  # what is drawn in each plot
        self._pace = Pace()

    def header_widgets(self) -> list[QWidget]:
        """The switch between the pictures."""
        return [self._modes]

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        super().set_theme(theme)
        for plot in (self._sharpness, self._ratio, self._rates):
            plot.set_theme(theme)
        self._keys.clear()

    def draw(self) -> None:
        """Draw the recording at the cursor."""
        if self.follow():
            self._keys.clear()
        self._predicted.follow(self.recording)
        mode = self._modes.choice
        plots = {SHARPNESS: self._sharpness, RATIO: self._ratio, RATES: self._rates}
        self._stack.setCurrentWidget(plots[mode])
        found = self.newest()
        if mode == RATES:
            found = self._with_rates()
        if self.waits(found):
            plots[mode].fade(STALE)
        elif mode == RATES:
            self._draw_rates(found)
        else:
            self._draw_along(mode, plots[mode])
        shown = found[0][1] if found else None
        words = [] if shown is None else self._about(shown, mode)
        self.tell(shown, words, offered=mode == RATES or not found)

    def wish(self) -> dict[str, Any] | None:
        """The lane to measure, where curvature can be measured at all; with rates where wanted."""
        wish = None if self._trouble() else super().wish()
        if wish is None or self._modes.choice != RATES:
            return wish
        return {**wish, "knobs": ASKED} if self._has_samples() else None

    def reason(self) -> str:
        """Why there is nothing to see."""
        trouble = self._trouble()
        if trouble:
            return f"Curvature cannot be measured here: {trouble}."
        if self._modes.choice != RATES:
            return super().reason()
        if not self._has_samples():
            return "Learning rates are foretold by batch size: this problem has no samples."
        return (
            "Foretold learning rates appear here: measure at this step, or set “rate pairs” of "
            "“Stability” under “Measure while running”."
        )

    # -- drawing -------------------------------------------------------------------------------

    def _with_rates(self) -> list[tuple[int, Any]]:
        """The newest predictions of the visible lanes at the cursor."""
        found = [(p, self._predicted.newest(n, self.state.cursor)) for p, n in self.ordered()]
        return [item for item in found if item[1] is not None]

    def _draw_along(self, mode: str, plot: EdgePlot) -> None:
        """The lines of all visible lanes against steps."""
        lanes = self.ordered()
        end = reach(self.bridge.frame.head, self.bridge.frame.target)
        specs = tuple(self.recording.records[lane].spec for _, lane in lanes)
        key = self._measured.count, lanes, end, specs
        fresh = mode not in self._keys
        if key != self._keys.get(mode) and self._pace.allows(fresh):
            self._keys[mode] = key
            make = self._sharpness_of if mode == SHARPNESS else self._ratio_of
            edges = [make(*item, end, strong=i == 0) for i, item in enumerate(lanes)]
            edges = [edge for edge in edges if np.isfinite(edge.main).any()]
            unknown = self._no_limit(lanes)
            there = any(len(self._measured.table(lane)[0]) for _, lane in lanes)
            plot.set_note("" if edges else unknown if there else self.reason())
            plot.show_tracks(edges[::-1], end, at_once=fresh)
        elif key != self._keys.get(mode):
            self.outdated()
        plot.show_cursor(self.state.cursor)

    def _columns(self, lane: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Steps (n,) and the numbers of a lane by name, each (n,)."""
        steps, rows = self._measured.table(lane)
        rows = rows if len(steps) else np.empty((0, len(_COLUMNS)))
        return steps, dict(zip(_COLUMNS, rows.T, strict=True))

    def _sharpness_of(self, place: int, lane: str, end: int, *, strong: bool) -> Track:
        """The largest eigenvalue of a lane with its limit, and the forms that were measured."""
        spec = self.recording.records[lane].spec
        steps, found = self._columns(lane)
        scales = bool(np.isfinite(found["preconditioned"]).any())
        formula = self._formula(lane)
        if spec.optimizer in GRADIENT_RULES:
            limit = limits_along(spec, [0, end]) if len(steps) else ((), ())
        elif scales:
            limit = steps, found["limit"]
        else:
            known = np.isfinite(found["limit"]) & bool(formula)
            limit = steps[known], (found["limit"] - found["decay"])[known]
        others = {PRECONDITIONED: found["preconditioned"], "mini-batch": found["batch_lambda_max"]}
        look = spec.title, self.theme.lane(place), strong
        thin = _thin(others)
        return Track(*look, steps, found["lambda_max"], *thin, limit=limit, formula=formula)

    def _ratio_of(self, place: int, lane: str, end: int, *, strong: bool) -> Track:
        """The curvature of a lane's steps over what they stand."""
        spec = self.recording.records[lane].spec
        steps, found = self._columns(lane)
        look = spec.title, self.theme.lane(place), strong
        return Track(*look, steps, found["ratio"], *_thin({"mini-batch": found["batch_ratio"]}))

    def _draw_rates(self, found: list[tuple[int, Any]]) -> None:
        """The prediction of the selected lane."""
        self._rates.set_note("" if found else self.reason())
        if not found:
            self._keys.pop(RATES, None)
            self._rates.clear_all()
            return
        place, result = found[0]
        key = id(result), self.opacity(result), place
        if key != self._keys.get(RATES):
            self._keys[RATES] = key
            self._rates.show_rates(result, self.theme.lane(place), key[1])

    # -- words ---------------------------------------------------------------------------------

    def _formula(self, lane: str) -> str:
        """What the limit of a lane is, from its newest measurement."""
        found = self._measured.newest(lane, self.bridge.frame.head)
        if found is None:
            return ""
        decay = " − λ" if found.info.get("decay") and "preconditioned" not in found.info else ""
        return found.info.get("formula", "") + decay

    def _no_limit(self, lanes: list[tuple[int, str]]) -> str:
        """Why no visible lane has a limit: the reasons that their rules give."""
        reasons = {}
        for _, lane in lanes:
            found = self._measured.newest(lane, self.bridge.frame.head)
            if found is not None and found.info.get("no_limit"):
                title = self.recording.records[lane].spec.title
                reasons.setdefault(found.info["no_limit"], []).append(title)
        told = [f"{', '.join(titles)}: {reason}" for reason, titles in reasons.items()]
        unknown = "None of the visible lanes says how much curvature its steps can stand."
        return "\n".join(told) or unknown

    def _about(self, found: Any, mode: str) -> list[str]:
        """What is known of a result, the most important first."""
        title = self.recording.records[found.lane].spec.title
        info = found.info
        words = [f"{title}, step {found.step}"]
        if mode == RATES:
            if "noise_scale" in info:
                words.append(f"noise scale {short(info['noise_scale'])}")
            if "coherence" in info:
                words.append(f"coherence {short(info['coherence'])}")
            if "batch_noise" in info:
                part = 100 * info["batch_noise_error"] / max(info["batch_noise"], 1e-300)
                words.append(f"Pσ² {short(info['batch_noise'])} ± {short(part, 2)} %")
            return words
        if "ratio" in info:
            words.insert(0, f"{short(info['ratio'])} of the limit")
        elif info.get("no_limit"):
            words.append(info["no_limit"].rstrip("."))
        words.insert(0, f"λmax {short(info['lambda_max'])}")
        words.append(f"{info['products']} products")
        words.append(f"residual {short(info['residual'], 1)}")
        if not info["converged"]:
            words.append("not converged")
        return words

    def _trouble(self) -> str:
        return self.recording.header.get("problem", {}).get("hessian_trouble", "")

    def _has_samples(self) -> bool:
        return bool(self.recording.header.get("problem", {}).get("data", ""))


def _numbers(found: Any) -> list[float]:
    """What is drawn against steps; NaN for what was not measured."""
    return [float(found.info.get(name, np.nan)) for name in _COLUMNS]


def _thin(lines: dict[str, np.ndarray]) -> tuple[np.ndarray, list[str]]:
    """Lines that are known anywhere, (m, n), and their names."""
    known = {name: line for name, line in lines.items() if np.isfinite(line).any()}
    return np.array([*known.values()]), [*known]


def _is_planned(found: Any) -> bool:
    """Whether a result belongs to the lane's own curve, and not to a run chosen by hand."""
    return not found.info.get("chosen", False)

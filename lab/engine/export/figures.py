"""The figures of a recording: one for each panel of the window that has something to show."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from matplotlib.figure import Figure

from lab.engine.export import curves, joined, measured, shape
from lab.engine.export.basins import basins, newest_map
from lab.engine.export.curvature import curvature
from lab.engine.export.files import file_names
from lab.engine.export.ground import Ground
from lab.engine.export.inside import inside
from lab.engine.export.landscape import landscape
from lab.engine.export.layer_spectra import layer_densities, layer_spectra, with_densities
from lab.engine.export.series import series, tracked
from lab.engine.export.slices import slices
from lab.engine.export.spectrum import kinds, spectrum
from lab.engine.export.stability import rates, stability
from lab.engine.export.style import Style
from lab.engine.export.sweep import all_swept, sweep
from lab.engine.limits import is_of_hessian
from lab.engine.recording import Recording

PANELS = (
    "landscape",
    "loss",
    "gradient",
    "evaluation",
    "spectrum",
    "layer_spectra",
    "stability",
    "roughness",
    "slices",
    "curvature",
    "topology",
    "critical",
    "connectivity",
    "barriers",
    "series",
    "sweep",
    "basins",
    "inside",
)

# Probes whose numbers another panel draws: they are left out of "series" where that one is wanted.
_OWN = {"evaluation": "evaluation", "hessian_spectrum": "spectrum", "roughness": "roughness"}


class Drawing(NamedTuple):
    """A figure and the name of its file, without the ending."""

    name: str
    figure: Figure


def drawings(
    recording: Recording,
    panels: Sequence[str],
    step: int,
    style: Style,
    lanes: Sequence[str],
    on: Ground | None,
) -> Iterator[Drawing]:
    """Draw one panel after the other; those without anything on record are left out."""
    there = {result.name: result for result in recording.results if result.lane in ("", *lanes)}
    if "landscape" in panels and on is not None:
        yield Drawing("landscape", landscape(recording, step, style, lanes, on))
    if "loss" in panels and lanes:
        yield Drawing("loss", curves.loss(recording, step, style, lanes))
    if "gradient" in panels and lanes:
        yield Drawing("gradient", curves.loss(recording, step, style, lanes, "grad_norm"))
    if "evaluation" in panels and "evaluation" in there:
        for name in there["evaluation"].arrays:
            figure = measured.evaluation(recording, name, step, style, lanes)
            yield Drawing(f"evaluation-{name}", figure)
    if "spectrum" in panels and "hessian_spectrum" in there:
        for lane, key in file_names(lanes).items():
            for kind in kinds(recording, lane):
                name = "-".join(["spectrum", key, *file_names([x for x in kind if x]).values()])
                figure = spectrum(recording, lane, step, style, kind)
                yield Drawing(name.removesuffix("-hessian"), figure)
        if any(is_of_hessian(result) for result in recording.probe("hessian_spectrum")):
            yield Drawing("eigenvalues", measured.eigenvalues(recording, step, style, lanes))
    if "layer_spectra" in panels and "layer_spectra" in there:
        yield Drawing("layer_spectra", layer_spectra(recording, step, style, lanes))
        for lane, key in file_names(lanes).items():
            if with_densities(recording, lane):
                figure = layer_densities(recording, lane, step, style)
                yield Drawing(f"layer_densities-{key}", figure)
    if "stability" in panels and "stability" in there:
        yield Drawing("stability", stability(recording, step, style, lanes))
        for lane, key in file_names(lanes).items():
            figure = rates(recording, lane, step, style)
            if figure is not None:
                yield Drawing(f"rates-{key}", figure)
    if "roughness" in panels and "roughness" in there:
        yield Drawing("roughness", measured.roughness(recording, step, style, lanes))
    if "curvature" in panels and "curvature_map" in there:
        yield Drawing("curvature", curvature(recording, step, style))
    if "slices" in panels and "slices" in there:
        measured_on = {result.lane for result in recording.probe("slices")}
        for lane, key in file_names(lanes).items():
            if lane in measured_on:
                yield Drawing(f"slices-{key}", slices(recording, lane, step, style))
    if "topology" in panels and "topology" in there:
        yield Drawing("topology", shape.topology(recording, step, style))
    if "critical" in panels and "critical_points" in there:
        yield Drawing("critical", shape.critical_points(recording, step, style))
    if "connectivity" in panels and "connectivity" in there:
        yield Drawing("connectivity", measured.connectivity(recording, step, style))
    if "connectivity" in panels and "layer_paths" in there:
        yield Drawing("connectivity-layers", joined.layer_barriers(recording, step, style))
    if "connectivity" in panels and "curve_path" in there:
        yield Drawing("connectivity-curve", joined.trained_curve(recording, step, style))
    if "connectivity" in panels and "ridge" in there:
        yield Drawing("connectivity-ridge", joined.ridge(recording, step, style))
    if "barriers" in panels and "barriers" in there:
        yield Drawing("barriers", joined.barriers(recording, step, style))
    if "series" in panels:
        for name in tracked(recording, lanes):
            if _OWN.get(name) not in panels:
                figure = series(recording, name, step, style, lanes)
                yield Drawing(f"series-{name}", figure)
    if "inside" in panels and "inside_step" in there:
        looked_into = {result.lane for result in recording.probe("inside_step")}
        for lane, key in file_names(lanes).items():
            if lane in looked_into:
                yield Drawing(f"inside-{key}", inside(recording, lane, step, style))
    if "sweep" in panels:
        for knob in all_swept(recording, lanes):
            yield Drawing(f"sweep-{knob}", sweep(recording, knob, step, style, lanes))
    if "basins" in panels and "basin_map" in there:
        for lane, key in file_names(lanes).items():
            if newest_map(recording, lane) is not None:
                yield Drawing(f"basins-{key}", basins(recording, lane, style))

"""Measurements that the window asks for by hand, each by its name."""

from collections.abc import Sequence
from typing import Any

from lab.engine.basin_requests import basins
from lab.engine.jobs import Job
from lab.engine.joining import join
from lab.engine.knobs import check_name
from lab.engine.probe_requests import probe
from lab.engine.session import Session
from lab.engine.shape_requests import critical_points, topology
from lab.engine.surface_requests import curvature_map, surface


def make(session: Session, name: str, options: dict[str, Any]) -> Job:
    """The job of a name ("surface", "probe", "export" ...) with its options.

    Raises:
        ValueError: an unknown name, or options that do not fit.
    """
    makers = {
        "surface": surface,
        "curvature_map": curvature_map,
        "probe": probe,
        "join": join,
        "basins": basins,
        "topology": topology,
        "critical_points": critical_points,
        "export": export,
    }
    return makers[check_name(name, makers, "measurement")](session, **options)


def export(session: Session, *, out: str, formats: Sequence[str], **options: Any) -> Job:
    """Write the recording into a folder.

    Args:
        session: whose recording.
        out: the folder.
        formats: any of the exporter's.
        **options: fields of the exporter's `Options`.

    Returns:
        The job; its result, the files written, is not kept on record.

    Raises:
        ValueError: an unknown format or option.
    """
    from lab.engine.export import Options, export_steps  # it draws: a second to import

    steps = export_steps(session.recording, out, formats, Options(**options))
    return Job("export", "", session.head, steps, record=None)

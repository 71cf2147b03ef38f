"""`landscape-lab doctor`: what this machine has, and what is missing."""

import importlib.util
import os
import platform
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

from lab.opengl import Graphics, probe
from lab.system_libraries import wanted_platform, why_no_window

_WINDOW = ("PySide6-Essentials", "pyqtgraph", "psygnal")
_FILES = ("safetensors", "h5py", "matplotlib", "imageio-ffmpeg", "pyarrow")
_OPTIONAL = ("pyarrow", "PyOpenGL")


class Finding(NamedTuple):
    """One line of the report.

    Attributes:
        name: what was looked at.
        value: what was found.
        problem: whether the lab cannot work like this.
    """

    name: str
    value: str
    problem: bool = False


def doctor() -> int:
    """Print the report; 0 if the lab is usable here, with or without a window."""
    findings = report()
    print(as_text(findings))
    return 1 if any(finding.problem for finding in findings) else 0


def as_text(findings: Sequence[Finding]) -> str:
    """The report in two columns, one line a finding; problems are marked."""
    width = max(len(finding.name) for finding in findings)
    return "\n".join(
        f"{'!' if finding.problem else ' '} {finding.name:<{width}}  {finding.value}"
        for finding in findings
    )


def report(
    graphics: Callable[[], Graphics] = probe, window: Callable[[], str] = why_no_window
) -> list[Finding]:
    """Everything worth knowing of this machine.

    Args:
        graphics: asks Qt.
        window: says why a window cannot be opened, empty if it can.
    """
    return [
        *_software(_WINDOW, _FILES),
        *_computing(),
        *_graphics(graphics, window),
        *_places(),
    ]


def _software(*groups: tuple[str, ...]) -> list[Finding]:
    """Versions; a package that is missing is a problem unless it is optional."""
    from lab.engine.versions import versions

    found = [Finding("system", f"{platform.system()} {platform.release()}, {platform.machine()}")]
    found += [
        Finding(name, text, problem=text == "not installed") for name, text in versions().items()
    ]
    for name in (*(name for group in groups for name in group), "PyOpenGL"):
        try:
            found.append(Finding(name, version(name)))
        except PackageNotFoundError:
            optional = name in _OPTIONAL
            found.append(Finding(name, "not installed" + optional * " (optional)", not optional))
    return found


def _computing() -> list[Finding]:
    """Device, threads and memory."""
    if importlib.util.find_spec("torch") is None:
        return []
    import torch

    from lab.engine.device import bytes_text, free_memory, pick_device, thread_count

    device = pick_device("auto")
    name = f" ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else ""
    cores = os.cpu_count() or 1
    threads = f"{thread_count('surface')} for surfaces, {thread_count('network')} for networks"
    return [
        Finding("device", f"{device}{name}"),
        Finding("threads", f"{threads}, of {cores} cores"),
        Finding("free memory", f"{bytes_text(free_memory(device))} on {device}"),
    ]


def _graphics(graphics: Callable[[], Graphics], window: Callable[[], str]) -> list[Finding]:
    """Whether the window can be opened, and with 3-D views."""
    trouble = window()
    if trouble:
        wanted = bool(wanted_platform(os.environ))  # without a display nobody expects a window
        skipped = Finding("OpenGL", "not looked for without a window")
        return [Finding("window", trouble, problem=wanted), skipped]
    found = graphics()
    if not found.platform:
        return [Finding("window", f"Qt does not start: {found.trouble}", problem=True)]
    views = found.opengl or f"{found.trouble}: 3-D views are off"
    return [Finding("window", f"Qt platform {found.platform}"), Finding("OpenGL", views)]


def _places() -> list[Finding]:
    """Where the lab keeps its own files."""
    from lab.assets import asset
    from lab.places import config_folder, data_folder

    assets = asset("experiments")
    there = assets.is_dir()
    return [
        Finding("settings", str(config_folder())),
        Finding("autosaves", str(data_folder() / "autosave")),
        Finding("assets", str(assets.parent) if there else f"missing: {assets}", not there),
    ]

"""System libraries that Qt needs on Linux, and the Debian packages they come in.

Qt aborts the process when one of them is missing. The launcher looks first, and says in one line
what to install.
"""

import ctypes
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

PACKAGES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libGLX.so.0": "libglx0",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libX11.so.6": "libx11-6",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libstdc++.so.6": "libstdc++6",
    "libwayland-client.so.0": "libwayland-client0",
    "libwayland-cursor.so.0": "libwayland-cursor0",
    "libwayland-egl.so.1": "libwayland-egl1",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-render.so.0": "libxcb-render0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-util.so.1": "libxcb-util1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxcb.so.1": "libxcb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libz.so.1": "zlib1g",
    "libzstd.so.1": "libzstd1",
}


def why_no_window(
    environment: Mapping[str, str] = os.environ,
    system: str = sys.platform,
    missing: Callable[[Path], list[str]] | None = None,
) -> str:
    """Why a window cannot be opened here, in one line; empty if nothing speaks against it.

    Args:
        environment: the process's environment variables.
        system: as `sys.platform`.
        missing: tells which libraries a plugin lacks; looked up here if not given.
    """
    if system != "linux":
        return ""
    platform = wanted_platform(environment)
    if not platform:
        return (
            "there is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set); "
            "`landscape-lab run FILE.toml --out DIR` needs none"
        )
    plugin = platform_plugin(platform)
    if plugin is None:
        return ""  # a plugin from elsewhere: Qt knows better
    lacking = (missing or missing_libraries)(plugin)
    return f"the window needs {', '.join(lacking)}: {install_line(lacking)}" if lacking else ""


def wanted_platform(environment: Mapping[str, str]) -> str:
    """The Qt platform that would be started: "xcb", "wayland", "offscreen" ...; empty for none."""
    chosen = environment.get("QT_QPA_PLATFORM", "").partition(":")[0].partition(";")[0]
    if chosen:
        return chosen.removesuffix("-egl")
    if environment.get("WAYLAND_DISPLAY") and not environment.get("DISPLAY"):
        return "wayland"
    return "xcb" if environment.get("DISPLAY") else ""


def platform_plugin(platform: str) -> Path | None:
    """The file of a platform plugin of the installed Qt, None if it has none of that name."""
    found = importlib.util.find_spec("PySide6")
    if found is None or not found.submodule_search_locations:
        return None
    folder = Path(found.submodule_search_locations[0])
    plugin = folder / "Qt" / "plugins" / "platforms" / f"libq{platform}.so"
    return plugin if plugin.is_file() else None


def missing_libraries(
    plugin: Path,
    load: Callable[[str], object] = ctypes.CDLL,
    list_all: Callable[[Path], str] | None = None,
) -> list[str]:
    """The libraries that a plugin needs and that are not here.

    Loading the plugin is the quick answer, and costs nothing since Qt will load it anyway; only
    where that fails are all its libraries listed.

    Args:
        plugin: the file.
        load: loads a library, or raises OSError with its reason.
        list_all: gives the words of `ldd` about a file.
    """
    try:
        load(str(plugin))
    except OSError as error:
        try:
            lacking = not_found((list_all or _ldd)(plugin))
        except (OSError, subprocess.SubprocessError):
            lacking = []
        # without ldd, or for another reason: the loader itself names one file
        return lacking or [str(error).partition(":")[0].strip()]
    return []


def not_found(listing: str) -> list[str]:
    """The libraries that `ldd` could not find, each once, in its order."""
    names = [line.split()[0] for line in listing.splitlines() if line.endswith("=> not found")]
    return list(dict.fromkeys(names))


def install_line(libraries: Iterable[str]) -> str:
    """What to type on Debian and Ubuntu to install libraries."""
    packages = dict.fromkeys(PACKAGES[name] for name in libraries if name in PACKAGES)
    if not packages:
        return "install them with your system's package manager"
    return f"sudo apt-get install {' '.join(packages)}"


def _ldd(path: Path) -> str:
    done = subprocess.run(["ldd", path], capture_output=True, text=True, timeout=20, check=False)
    return done.stdout

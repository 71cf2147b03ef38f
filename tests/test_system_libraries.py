import subprocess
from pathlib import Path

import pytest

from lab.system_libraries import (
    install_line,
    missing_libraries,
    not_found,
    platform_plugin,
    wanted_platform,
    why_no_window,
)

LISTING = """\
\tlinux-vdso.so.1 (0x00007f6320c6a000)
\tlibQt6Gui.so.6 => /x/libQt6Gui.so.6 (0x00007f6320000000)
\tlibxcb-cursor.so.0 => not found
\tlibEGL.so.1 => not found
\tlibxcb-cursor.so.0 => not found
\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f631ee1e000)
"""
SCREEN = {"DISPLAY": ":0"}


def refuse(path):
    raise OSError("libxcb-cursor.so.0: cannot open shared object file: No such file or directory")


@pytest.mark.parametrize(
    ("environment", "platform"),
    [
        ({}, ""),
        (SCREEN, "xcb"),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "wayland"),
        ({"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0"}, "xcb"),
        ({"QT_QPA_PLATFORM": "offscreen"}, "offscreen"),
        ({"QT_QPA_PLATFORM": "wayland-egl;xcb"}, "wayland"),
        ({"QT_QPA_PLATFORM": "vnc:port=5901"}, "vnc"),
    ],
)
def test_which_platform_qt_would_start(environment, platform):
    assert wanted_platform(environment) == platform


def test_only_what_is_not_found_is_listed_once():
    assert not_found(LISTING) == ["libxcb-cursor.so.0", "libEGL.so.1"]


def test_a_plugin_that_loads_lacks_nothing():
    def never(path):
        raise AssertionError

    assert missing_libraries(Path("x"), load=lambda path: None, list_all=never) == []


def test_a_plugin_that_does_not_load():
    found = missing_libraries(Path("x"), refuse, lambda path: LISTING)
    assert found == ["libxcb-cursor.so.0", "libEGL.so.1"]


@pytest.mark.parametrize("error", [FileNotFoundError, subprocess.TimeoutExpired("ldd", 20)])
def test_without_ldd_the_loader_names_one(error):
    def list_all(path):
        raise error

    assert missing_libraries(Path("x"), refuse, list_all) == ["libxcb-cursor.so.0"]


def test_the_line_to_type():
    libraries = ["libxcb-cursor.so.0", "libglib-2.0.so.0", "libgthread-2.0.so.0"]
    assert install_line(libraries) == "sudo apt-get install libxcb-cursor0 libglib2.0-0"
    assert install_line(["libnobody.so.1"]) == ("install them with your system's package manager")


def test_one_line_instead_of_an_abort():
    trouble = why_no_window(SCREEN, "linux", lambda plugin: ["libxcb-cursor.so.0", "libEGL.so.1"])
    assert trouble == (
        "the window needs libxcb-cursor.so.0, libEGL.so.1: "
        "sudo apt-get install libxcb-cursor0 libegl1"
    )


def test_no_display():
    assert "there is no display here" in why_no_window({}, "linux", lambda plugin: [])


def test_nothing_speaks_against_a_window():
    assert why_no_window(SCREEN, "linux", lambda plugin: []) == ""
    assert why_no_window({}, "darwin", refuse) == ""
    assert why_no_window({"QT_QPA_PLATFORM": "my_own"}, "linux", refuse) == ""


def test_the_installed_qt_has_its_plugins():
    assert platform_plugin("offscreen").is_file()
    assert platform_plugin("no_such_platform") is None


def test_the_offscreen_plugin_loads_here():
    """The tests of the window need it."""
    assert missing_libraries(platform_plugin("offscreen")) == []

"""Versions of everything the numbers depend on, for the header of a recording and for `doctor`."""

import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from types import MappingProxyType


@cache  # it takes milliseconds to find out
def versions() -> Mapping[str, str]:
    """Name -> version of Python and the packages that compute."""
    found = {"python": platform.python_version()}
    for package in ("landscape-lab", "torch", "numpy", "scipy"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return MappingProxyType(found)

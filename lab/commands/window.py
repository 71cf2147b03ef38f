"""`landscape-lab [FILE]`: open the window."""

import argparse
import sys
from pathlib import Path

from lab.engine.knobs import did_you_mean
from lab.system_libraries import why_no_window

_COMMANDS = ("run", "export", "list", "doctor")


def open_window(given: argparse.Namespace) -> int:
    """Open the window, with a file if one is named.

    Raises:
        ValueError: a file that is not there, or is neither an experiment nor a recording.
    """
    for name in given.files:
        if not Path(name).is_file():
            hint = did_you_mean(name, _COMMANDS)
            raise ValueError(f"{name}: there is no such file or command{hint}")
        if Path(name).suffix not in (".toml", ".lab"):
            raise ValueError(f"{name}: a .toml or .lab file is needed")
    if len(given.files) > 1:
        raise ValueError(f"{given.files[1]}: one file at a time can be opened")
    trouble = why_no_window()
    if trouble:
        print(f"landscape-lab: {trouble}", file=sys.stderr)
        return 1
    from lab.gui.app import main

    return main(given.files)

"""A Python script that gives the same numbers and figures without the window.

It holds the whole experiment as TOML, changes and branches included, and hands the recording to the
same export that made the figures beside it.
"""

from collections.abc import Sequence
from dataclasses import replace

from lab.engine.catalogue import accept_unknown
from lab.engine.export.options import Options
from lab.engine.recording import Recording

_SCRIPT = '''\
"""{title}: the same numbers and figures, without the window.

Written by Landscape Lab {lab}. The numbers are the same bit for bit with
{versions}
on device {device} with {threads}.

Run it with: python {name} [folder]
"""

import sys

import lab

EXPERIMENT = {experiment}


def main(folder: str = ".") -> None:
    """Run the experiment and write arrays and figures into a folder."""
    experiment = lab.Experiment.from_toml(EXPERIMENT)
    recording = lab.run(experiment)
    recording.export(folder, formats={formats}, {options})


if __name__ == "__main__":
    main(*sys.argv[1:])
'''


def script(
    recording: Recording,
    options: Options | None = None,
    formats: Sequence[str] = ("npz", "png"),
    name: str = "reproduce.py",
) -> str:
    """The text of the script.

    Args:
        recording: what is to be made again, as far as it is on record.
        options: of the figures.
        formats: what the script writes.
        name: of the file, for its own help.

    Returns:
        Python source.

    Raises:
        ValueError: the problem is a Python object that no text can hold.
    """
    header = recording.header
    with accept_unknown():
        # what is on record, on the device that it was made with
        steps = max(0, recording.head)
        text = replace(recording.experiment, steps=steps, device=header["device"]).to_toml()
    packages = ("python", "torch", "numpy", "scipy")
    threads = header["threads"]
    wanted = {"step": recording.head, **(options or Options()).changed()}
    if len(recording.lanes) < len(recording.experiment.lanes):
        wanted.setdefault("lanes", recording.lanes)  # a removed one whose past others share
    return _SCRIPT.format(
        title=_plain(recording.experiment.title) or "An experiment",
        lab=header["landscape-lab"],
        versions=", ".join(f"{name} {header[name]}" for name in packages),
        device=header["device"],
        threads=f"{threads} thread{'' if threads == 1 else 's'}",
        name=name,
        experiment=_quoted(text),
        formats=list(formats),
        options=", ".join(f"{key}={value!r}" for key, value in wanted.items()),
    )


def _quoted(text: str) -> str:
    """Text as a Python literal that can be read and edited."""
    return repr(text) if '"""' in text else f'r"""\n{text}"""'


def _plain(text: str) -> str:
    """A title as it may stand in a docstring."""
    return " ".join(text.replace("\\", "/").replace('"', "'").split())

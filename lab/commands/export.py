"""`landscape-lab export FILE.lab --out DIR`: write tables, figures, videos of a recording."""

import argparse

from lab.commands.progress import Line


def export(given: argparse.Namespace) -> int:
    """Write a recording into a folder.

    Raises:
        ValueError: not a recording, or an unknown format.
        OSError: the folder cannot be written.
    """
    import lab
    from lab.engine import export as exporting

    exporting.check_formats(given.formats)
    options = exporting.Options(step=given.step, theme=given.theme, dpi=given.dpi)
    recording = lab.open(given.file)
    try:
        with Line(given.quiet) as line:
            files = exporting.export(recording, given.out, given.formats, line.share, options)
    finally:
        recording.close()
    line.finish(f"{len(files)} files in {given.out}")
    return 0

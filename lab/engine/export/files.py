"""Files that are there whole or not at all.

An export is written into a hidden folder beside its destination and moved from there, file by file,
once everything is complete. Whatever stops it before that leaves the destination as it was.
"""

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

LONGEST = 48  # letters of a file name, each of which may take four bytes


@contextlib.contextmanager
def staged(out: Path) -> Iterator[Path]:
    """A folder to write into, whose files move to `out` when the block ends without an error.

    Args:
        out: the destination; made if it is not there, and removed again if nothing came of it.

    Yields:
        The folder to write into, on the same file system.

    Raises:
        OSError: the destination cannot be written, as one sentence.
    """
    made = _make(out)
    try:
        with one_sentence(out):
            stage = Path(tempfile.mkdtemp(prefix=".landscape-lab-", suffix=".part", dir=out))
        try:
            yield stage
            with one_sentence(out):
                for path in sorted(stage.iterdir()):
                    os.replace(path, out / path.name)
        finally:
            shutil.rmtree(stage, ignore_errors=True)
    except BaseException:
        for folder in made:
            with contextlib.suppress(OSError):  # it holds something by now: leave it
                folder.rmdir()
        raise


def check_folder(out: str | Path) -> None:
    """Find out whether files can be written into a folder, leaving nothing behind.

    Raises:
        OSError: they cannot, as one sentence.
    """
    out = Path(out)
    made = _make(out)
    try:
        with one_sentence(out), tempfile.TemporaryFile(dir=out):
            pass
    finally:
        for folder in made:
            folder.rmdir()


def file_names(names: Iterable[str]) -> dict[str, str]:
    """A file name for each name: safe on every system, and different even where case is ignored.

    File systems hold 255 bytes: 48 letters of four, and what is put around them.
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        base = re.sub(r"[^\w.~+-]+", "_", name)[:LONGEST].strip(".") or "_"
        candidate, number = base, 2
        while candidate.lower() in taken:
            candidate, number = f"{base}_{number}", number + 1
        taken.add(candidate.lower())
        found[name] = candidate
    return found


@contextlib.contextmanager
def one_sentence(out: Path) -> Iterator[None]:
    """Turn the system's errors inside the block into one sentence about a folder."""
    try:
        yield
    except OSError as error:
        if error.strerror is None:  # a sentence already
            raise
        raise OSError(f"{out}: the folder cannot be written ({error.strerror})") from error


def _make(out: Path) -> list[Path]:
    """Make a folder; returns the folders that were not there before, innermost first."""
    missing = [folder for folder in (out, *out.parents) if not folder.exists()]
    with one_sentence(out):
        out.mkdir(parents=True, exist_ok=True)
    return missing

"""Finds the files of `assets/`: icons, guided experiments, help pages."""

from pathlib import Path


def asset(name: str) -> Path:
    """The path of an asset, for example "icons/play.svg".

    Raises:
        FileNotFoundError: no such asset.
    """
    path = Path(__file__).resolve().parents[1] / "assets" / name
    if not path.exists():
        raise FileNotFoundError(f"no asset {name!r} in {path.parent}")
    return path

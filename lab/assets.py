"""Where the lab's own files are: icons, guided experiments, help.

In a checkout they lie in the folder `assets` beside the package; a wheel carries them inside it.
"""

from pathlib import Path

_PACKED = Path(__file__).parent / "_assets"  # put there by setup.py
_CHECKOUT = Path(__file__).parents[1] / "assets"


def asset(name: str) -> Path:
    """The path of one of the lab's own files, such as "icons/play.svg"."""
    return (_PACKED if _PACKED.is_dir() else _CHECKOUT) / name


def guided_experiments() -> dict[str, Path]:
    """The experiments that come with the lab: name -> TOML file, in alphabetical order."""
    return {path.stem: path for path in sorted(asset("experiments").glob("*.toml"))}

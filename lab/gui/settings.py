"""What the lab remembers between two starts."""

import json
from pathlib import Path
from typing import Any

from lab.places import config_folder

RECENT = 10
_DEFAULTS: dict[str, Any] = {"theme": "system", "recent": [], "geometry": "", "speed": 60.0}


class Settings:
    """A small JSON file in the user's configuration folder.

    A file that cannot be read or written never stops the lab: the defaults hold.
    """

    def __init__(self, folder: Path | None = None):
        """Read what is there.

        Args:
            folder: where the file is; the user's configuration folder if not given.
        """
        self.folder = folder or config_folder()
        self._values = dict(_DEFAULTS)
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        if isinstance(found, dict):
            for key, default in _DEFAULTS.items():
                if isinstance(found.get(key), type(default)):
                    self._values[key] = found[key]

    def __getitem__(self, key: str) -> Any:
        """A remembered value, or its default."""
        return self._values[key]

    def __setitem__(self, key: str, value: Any) -> None:
        """Remember a value."""
        self._values[key] = value
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            draft = self._path.with_suffix(".part")
            draft.write_text(json.dumps(self._values, indent=1), encoding="utf-8")
            draft.replace(self._path)
        except OSError:
            return  # a read-only home is no reason to stop; it is just not remembered

    def add_recent(self, path: str) -> None:
        """Put a file at the top of the recent ones."""
        others = [other for other in self["recent"] if other != path]
        self["recent"] = [path, *others][:RECENT]

    @property
    def _path(self) -> Path:
        return self.folder / "settings.json"

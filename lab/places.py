"""The folders in which the lab keeps its own files. Nothing here makes them."""

import os
from pathlib import Path

from platformdirs import user_config_path, user_data_path


def config_folder() -> Path:
    """Where settings are: the user's configuration folder, or what LANDSCAPE_LAB_CONFIG names."""
    chosen = os.environ.get("LANDSCAPE_LAB_CONFIG")
    return Path(chosen) if chosen else user_config_path("landscape-lab")


def data_folder() -> Path:
    """Where recordings grow: the user's data folder, or what LANDSCAPE_LAB_DATA names."""
    chosen = os.environ.get("LANDSCAPE_LAB_DATA")
    return Path(chosen) if chosen else user_data_path("landscape-lab")

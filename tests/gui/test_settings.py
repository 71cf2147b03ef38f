"""What is remembered between two starts."""

import json

from lab.gui.settings import RECENT, Settings


def test_defaults_hold_without_a_file(tmp_path):
    settings = Settings(tmp_path / "new")
    assert settings["theme"] == "system"
    assert settings["recent"] == []


def test_values_survive(tmp_path):
    Settings(tmp_path)["theme"] = "light"
    assert Settings(tmp_path)["theme"] == "light"


def test_recent_files_are_few_and_each_once(tmp_path):
    settings = Settings(tmp_path)
    for number in range(2 * RECENT):
        settings.add_recent(f"{number % (RECENT + 2)}.toml")
    assert len(settings["recent"]) == RECENT
    assert len(set(settings["recent"])) == RECENT
    assert settings["recent"][0] == f"{(2 * RECENT - 1) % (RECENT + 2)}.toml"


def test_nonsense_in_the_file_is_passed_over(tmp_path):
    path = tmp_path / "settings.json"
    for text in ("", "[1, 2", "[]", '{"theme": 5, "recent": "x", "speed": "fast"}', "\x00"):
        path.write_text(text)
        settings = Settings(tmp_path)
        assert settings["theme"] == "system"
        assert settings["speed"] == 60.0


def test_folder_that_cannot_be_written_stops_nothing(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    settings = Settings(blocked / "config")
    settings["theme"] = "dark"
    assert settings["theme"] == "dark"


def test_file_is_plain_json(tmp_path):
    Settings(tmp_path)["speed"] = 5.0
    assert json.loads((tmp_path / "settings.json").read_text())["speed"] == 5.0

from pathlib import Path

from lab.places import config_folder, data_folder


def test_the_environment_can_choose(monkeypatch):
    monkeypatch.setenv("LANDSCAPE_LAB_CONFIG", "/here")
    monkeypatch.setenv("LANDSCAPE_LAB_DATA", "/there")
    assert (config_folder(), data_folder()) == (Path("/here"), Path("/there"))


def test_the_users_own_folders_otherwise(monkeypatch):
    monkeypatch.delenv("LANDSCAPE_LAB_CONFIG", raising=False)
    monkeypatch.delenv("LANDSCAPE_LAB_DATA", raising=False)
    assert config_folder().name == data_folder().name == "landscape-lab"

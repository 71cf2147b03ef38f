"""Pictures of the window, the same each time."""

import pytest
from PySide6.QtGui import QImage

import lab
from lab.gui import screenshot
from lab.palette import DARK, LIGHT


@pytest.fixture
def take(monkeypatch, tmp_path, qapp):
    """Takes a picture quickly: ranges need not come to rest."""
    monkeypatch.setattr(screenshot, "REST", 0.05)
    for name in ("LANDSCAPE_LAB_CONFIG", "LANDSCAPE_LAB_DATA"):
        monkeypatch.setenv(name, str(tmp_path))  # given back afterwards

    def picture(name: str, *options: str) -> QImage:
        path = tmp_path / "pictures" / name
        assert screenshot.main([str(path), *options]) == 0
        return QImage(str(path))

    return picture


@pytest.mark.parametrize(("name", "look"), [("dark", DARK), ("light", LIGHT)])
def test_a_picture_of_a_theme(take, tmp_path, name, look):
    source = tmp_path / "booth.toml"
    source.write_text(lab.Experiment("booth", [lab.Lane("adam", lr=0.1)], steps=30).to_toml())
    options = ("--theme", name, "--step", "20", "--size", "1000x700", "--file", str(source))
    picture = take("one.png", *options)
    assert (picture.width(), picture.height()) == (1000, 700)
    assert picture.pixelColor(3, 350).name() == look.window
    colours = {
        picture.pixelColor(x, y).name() for x in range(320, 600, 9) for y in range(90, 400, 9)
    }
    assert len(colours) > 100
    marks = {picture.pixelColor(x, y).name() for x in range(14, 40) for y in range(700)}
    assert look.lane(0) in marks  # the edge of the first card

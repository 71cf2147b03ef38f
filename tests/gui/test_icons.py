"""Icons take the colours of the theme."""

import pytest
from PySide6.QtGui import QColor, QIcon

from lab.assets import asset
from lab.gui.icons import app_icon, icon
from lab.palette import DARK, LIGHT

NAMES = sorted(path.stem for path in asset("icons/lab.svg").parent.glob("*.svg"))
LINES = [name for name in NAMES if name != "lab" and not name.endswith("-field")]


def colours(shown: QIcon, mode: QIcon.Mode = QIcon.Mode.Normal) -> set[str]:
    """The colours of all pixels that are not see-through."""
    picture = shown.pixmap(48, 48, mode).toImage()
    pixels = (picture.pixelColor(x, y) for x in range(48) for y in range(48))
    return {pixel.name() for pixel in pixels if pixel.alpha() > 250}


@pytest.mark.parametrize("name", LINES)
def test_lines_are_drawn_in_the_themes_text_colour(qapp, name):
    for look in (DARK, LIGHT):
        near = [QColor(look.text).rgb(), QColor(look.muted).rgb()]
        for shown, wanted in zip((QIcon.Mode.Normal, QIcon.Mode.Disabled), near, strict=True):
            assert QColor(wanted).name() in colours(icon(name, look), shown)


def test_another_colour_can_be_asked_for(qapp):
    assert colours(icon("play", DARK, "#ff0000")) == {"#ff0000"}


def test_the_lab_has_a_picture_of_its_own(qapp):
    assert len(colours(app_icon())) > 2

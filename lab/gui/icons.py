"""Icons: line drawings in `assets/icons`, tinted with a colour of the theme."""

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from lab.assets import asset
from lab.palette import Theme

_SIZE = 48  # pixels; Qt scales down for small buttons and keeps sharp on dense screens


def icon(name: str, theme: Theme, colour: str = "") -> QIcon:
    """An icon of `assets/icons` in the theme's text colour, or another one."""
    made = QIcon(_picture(name, colour or theme.text))
    made.addPixmap(_picture(name, theme.muted), QIcon.Mode.Disabled)
    return made


def app_icon() -> QIcon:
    """The lab's own icon."""
    return QIcon(_picture("lab", ""))


def _picture(name: str, colour: str) -> QPixmap:
    text = asset(f"icons/{name}.svg").read_text(encoding="utf-8")
    if colour:
        text = text.replace("currentColor", colour)
    renderer = QSvgRenderer(QByteArray(text.encode()))
    picture = QPixmap(_SIZE, _SIZE)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    renderer.render(painter, QRectF(0, 0, _SIZE, _SIZE))
    painter.end()
    return picture

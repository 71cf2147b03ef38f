"""The look: Fusion, a palette and a style sheet made of the tokens in `lab.palette`."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from lab.assets import asset
from lab.palette import DARK, LIGHT, Theme, mixed

TEXT_POINTS = 13  # pixels
CAPTION_POINTS = 11
SYMBOL = 0.85  # accent in the colour of symbols; the rest is text, so that they can be read


def system_theme() -> Theme:
    """The theme the desktop asks for; dark where it does not say."""
    light = QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Light
    return LIGHT if light else DARK


def interface_font() -> QFont:
    """The desktop's interface font; where there is no desktop, Inter if it is installed."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)
    if font.family() in ("Sans Serif", "Sans", "") and "Inter" in QFontDatabase.families():
        font.setFamily("Inter")
    font.setPixelSize(TEXT_POINTS)
    return font


def number_font(size: int = TEXT_POINTS) -> QFont:
    """The interface font with figures of one width, for numbers that change."""
    font = interface_font()
    font.setPixelSize(size)
    font.setFeature(QFont.Tag("tnum"), 1)
    return font


def fixed_font() -> QFont:
    """A font whose letters are all of one width, for tracebacks and lists in columns."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    font.setPixelSize(TEXT_POINTS - 1)
    return font


def apply(app: QApplication, theme: Theme) -> None:
    """Dress the whole application in a theme, unless it wears it already: that takes a while."""
    style_sheet = _style_sheet(theme)
    if app.styleSheet() != style_sheet:
        app.setPalette(_palette(theme))
        app.setStyleSheet(style_sheet)


def _palette(theme: Theme) -> QPalette:
    """Qt's own colour roles, for everything the style sheet does not reach."""
    palette = QPalette()
    roles = QPalette.ColorRole
    for role, colour in {
        roles.Window: theme.window,
        roles.Base: theme.field,
        roles.AlternateBase: theme.card,
        roles.Button: theme.field,
        roles.ToolTipBase: theme.card,
        roles.Text: theme.text,
        roles.WindowText: theme.text,
        roles.ButtonText: theme.text,
        roles.ToolTipText: theme.text,
        roles.PlaceholderText: theme.muted,
        roles.Highlight: theme.accent,
        roles.Accent: theme.accent,
        roles.HighlightedText: theme.on_accent,
        roles.Link: theme.accent,
        roles.Mid: theme.line,
        roles.Dark: theme.line,
        roles.Light: theme.field,
        roles.Shadow: theme.window,
    }.items():
        palette.setColor(role, QColor(colour))
    for role in (roles.Text, roles.WindowText, roles.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(theme.muted))
    return palette


def _style_sheet(t: Theme) -> str:
    hover = mixed(t.text, t.field, 0.08)
    pressed = mixed(t.accent, t.field, 0.25)
    symbol = mixed(t.accent, t.text, SYMBOL)
    faint = mixed(t.muted, t.card, 0.35)
    chevron = asset("icons/chevron-field.svg").as_posix()
    check = asset("icons/check-field.svg").as_posix()
    return f"""
QMainWindow {{ background: {t.window}; }}
QDialog {{ background: {t.card}; }}
QMainWindow::separator {{ background: {t.window}; width: 8px; height: 8px; }}
QToolTip {{ background: {t.card}; color: {t.text}; border: 1px solid {t.line}; padding: 4px; }}

QMenuBar {{ background: {t.card}; border-bottom: 1px solid {t.line}; padding: 2px 8px; }}
QMenuBar::item {{ background: transparent; padding: 5px 9px; border-radius: 4px; color: {t.text}; }}
QMenuBar::item:selected {{ background: {hover}; }}
QMenu {{ background: {t.card}; border: 1px solid {t.line}; padding: 4px; }}
QMenu::item {{ padding: 5px 26px 5px 22px; border-radius: 4px; }}
QMenu::item:selected {{ background: {t.accent}; color: {t.on_accent}; }}
QMenu::item:disabled {{ color: {t.muted}; }}
QMenu::separator {{ height: 1px; background: {t.line}; margin: 4px 6px; }}
QStatusBar {{ background: {t.card}; border-top: 1px solid {t.line}; color: {t.muted}; }}
QStatusBar::item {{ border: none; }}
QStatusBar QLabel {{ color: {t.muted}; font-size: {CAPTION_POINTS}px; padding: 1px 8px; }}

#cardHeader {{ background: {t.card}; border: 1px solid {t.line};
    border-top-left-radius: 8px; border-top-right-radius: 8px; }}
#cardBody {{ background: {t.card}; border: 1px solid {t.line}; border-top: none;
    border-bottom-left-radius: 8px; border-bottom-right-radius: 8px; }}
#card {{ background: {t.card}; border: 1px solid {t.line}; border-radius: 8px; }}
#strip {{ background: {t.card}; border-top: 1px solid {t.line}; }}
#transport {{ background: {t.card}; border: none; border-top: 1px solid {t.line}; spacing: 8px; }}
#laneCard {{ background: {t.field}; border-radius: 4px; }}
QToolBar {{ background: {t.window}; border: none; }}
#title {{ font-weight: 600; }}
#muted, #state {{ color: {t.muted}; font-size: {CAPTION_POINTS}px; }}
#section {{ color: {t.muted}; font-size: {CAPTION_POINTS}px; }}
#symbol {{ color: {symbol}; font-style: italic; }}
#warning {{ color: {t.warning}; font-size: {CAPTION_POINTS}px; }}

QScrollArea, #bare {{ background: transparent; border: none; }}
QScrollBar:vertical {{ background: transparent; width: 8px; margin: 0; }}
QScrollBar:horizontal {{ background: transparent; height: 8px; margin: 0; }}
QScrollBar::handle {{ background: {faint}; border-radius: 4px; min-height: 24px;
    min-width: 24px; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}

QPushButton, QToolButton {{ background: {t.field}; border: 1px solid {t.line};
    border-radius: 6px; padding: 4px 10px; color: {t.text}; }}
QPushButton:hover, QToolButton:hover {{ background: {hover}; }}
QPushButton:pressed, QToolButton:pressed {{ background: {pressed}; }}
QPushButton:disabled, QToolButton:disabled {{ color: {t.muted}; }}
QPushButton#primary, QToolButton#primary, QPushButton:default {{ background: {t.accent};
    border-color: {t.accent}; color: {t.on_accent}; }}
QPushButton#primary:hover, QToolButton#primary:hover {{
    background: {mixed(t.accent, t.text, 0.85)}; }}
QPushButton#ghost {{ background: transparent; border: 1px dashed {t.line}; color: {t.muted}; }}
QPushButton#ghost:hover {{ color: {t.text}; border-color: {t.muted}; }}
QToolButton#step {{ padding: 0; }}
QToolButton#primary {{ padding: 0; }}
QPushButton#wide {{ text-align: left; padding: 6px 9px; }}
QToolButton#flat {{ background: transparent; border: none; padding: 2px; border-radius: 4px; }}
QToolButton#flat:hover {{ background: {hover}; }}
QToolButton#flat:checked {{ background: {pressed}; }}
QToolButton#flat::menu-indicator {{ image: none; }}
QToolButton#segment {{ background: transparent; border: 1px solid {t.line}; border-radius: 5px;
    padding: 2px 10px; font-size: {CAPTION_POINTS}px; color: {t.muted}; }}
QToolButton#segment:checked {{ background: {t.accent}; border-color: {t.accent};
    color: {t.on_accent}; }}
QPushButton#follow {{ padding: 3px 9px; }}
QPushButton#follow:checked {{ background: {t.accent}; border-color: {t.accent};
    color: {t.on_accent}; }}

QLineEdit, QSpinBox, QPlainTextEdit, QTextEdit, QComboBox {{ background: {t.field};
    border: 1px solid {t.line}; border-radius: 6px; padding: 4px 7px; color: {t.text};
    selection-background-color: {t.accent}; selection-color: {t.on_accent}; }}
QLineEdit:focus, QSpinBox:focus, QPlainTextEdit:focus, QComboBox:focus {{
    border-color: {t.accent}; }}
QLineEdit[wrong="true"] {{ border-color: {t.warning}; }}
QLineEdit#number {{ background: transparent; border: 1px solid transparent; padding: 1px 3px; }}
QLineEdit#number:hover {{ border-color: {t.line}; }}
QLineEdit#number:focus {{ border-color: {t.accent}; background: {t.card}; }}
QLineEdit#number[wrong="true"] {{ border-color: {t.warning}; }}
QComboBox::drop-down {{ border: none; width: 22px; }}
QComboBox::down-arrow {{ image: url({chevron}); width: 12px; height: 12px; }}
QComboBox QAbstractItemView {{ background: {t.card}; border: 1px solid {t.line};
    selection-background-color: {t.accent}; selection-color: {t.on_accent}; outline: none; }}
QCheckBox {{ spacing: 6px; }}
QCheckBox::indicator {{ width: 14px; height: 14px; border: 1px solid {t.muted};
    border-radius: 3px; background: {t.field}; }}
QCheckBox::indicator:checked {{ background: {t.accent}; border-color: {t.accent};
    image: url({check}); }}
QCheckBox:disabled {{ color: {t.muted}; }}
QCheckBox::indicator:disabled {{ border-color: {t.line}; }}
#search {{ background: transparent; border: none; color: {t.muted}; padding: 4px 10px;
    font-size: {CAPTION_POINTS}px; }}
#search:hover {{ color: {t.text}; }}

QSlider::groove:horizontal {{ height: 3px; background: {t.line}; border-radius: 1px; }}
QSlider::sub-page:horizontal {{ background: {t.accent}; border-radius: 1px; height: 3px; }}
QSlider::handle:horizontal {{ background: {t.text}; width: 11px; height: 11px;
    margin: -4px 0; border-radius: 5px; }}
QSlider::handle:horizontal:hover {{ background: {t.accent}; }}
QSlider::groove:horizontal:disabled, QSlider::sub-page:horizontal:disabled {{
    background: {t.line}; }}

QTableView, QListView, QTreeView {{ background: {t.card}; border: none; gridline-color: {t.line};
    alternate-background-color: {t.field}; selection-background-color: {pressed};
    selection-color: {t.text}; outline: none; }}
QHeaderView::section {{ background: {t.card}; color: {t.muted}; border: none;
    border-bottom: 1px solid {t.line}; padding: 3px 8px; font-size: {CAPTION_POINTS}px; }}
QTabBar {{ qproperty-drawBase: 0; }}
QTabBar::tab {{ background: transparent; color: {t.muted}; padding: 4px 12px; border: none; }}
QTabBar::tab:selected {{ color: {t.text}; border-bottom: 2px solid {t.accent}; }}
QProgressBar {{ background: {t.field}; border: 1px solid {t.line}; border-radius: 4px;
    text-align: center; height: 14px; }}
QProgressBar::chunk {{ background: {t.accent}; border-radius: 3px; }}
#notice {{ background: {t.card}; border: 1px solid {t.line}; border-radius: 8px; }}
#notice[severity="error"] {{ border-color: {t.warning}; }}
"""

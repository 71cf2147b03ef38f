"""Colours that can be read, and the style sheet that is made of them."""

import re

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFontMetrics, QPalette

from lab.gui import theme
from lab.palette import DARK, LIGHT, THEMES, contrast, mixed

READABLE = 4.5  # WCAG 2.1, text of this size
SEEN = 3.0  # lines and marks


@pytest.mark.parametrize("look", THEMES.values(), ids=THEMES)
def test_text_stands_out_from_what_is_behind_it(look):
    symbol = mixed(look.accent, look.text, theme.SYMBOL)
    for ink in (look.text, look.muted, symbol):
        for behind in (look.window, look.card, look.field):
            assert contrast(ink, behind) >= READABLE, (ink, behind)
    for ink in (look.accent, look.warning):  # in plots and dialogs, which are cards
        assert contrast(ink, look.card) >= READABLE, ink
    assert contrast(look.on_accent, look.accent) >= READABLE
    hovered = mixed(look.accent, look.text, 0.85)
    assert contrast(look.on_accent, hovered) >= READABLE
    for lane in look.lanes:
        assert contrast(lane, look.card) >= SEEN


@pytest.mark.parametrize("look", THEMES.values(), ids=THEMES)
def test_every_pair_of_the_style_sheet_can_be_read(look):
    """Wherever a rule gives both text and ground, and for text on what lies behind a rule."""
    pairs = []
    for body in re.findall(r"\{([^{}]*)\}", theme._style_sheet(look)):
        ink = re.search(r"(?<![-\w])color: (#\w{6})", body)
        ground = re.search(r"background: (#\w{6})", body)
        chosen = re.search(r"selection-color: (#\w{6})", body)
        behind = re.search(r"selection-background-color: (#\w{6})", body)
        if ink and ground:
            pairs.append((ink[1], ground[1]))
        if chosen and behind:
            pairs.append((chosen[1], behind[1]))
    assert len(pairs) > 6
    for ink, ground in pairs:
        assert contrast(ink, ground) >= READABLE, (ink, ground)


@pytest.mark.parametrize("look", THEMES.values(), ids=THEMES)
def test_qts_own_roles_can_be_read(look):
    palette, roles = theme._palette(look), QPalette.ColorRole
    for ink, ground in (
        (roles.Text, roles.Base),
        (roles.WindowText, roles.Window),
        (roles.ButtonText, roles.Button),
        (roles.ToolTipText, roles.ToolTipBase),
        (roles.HighlightedText, roles.Highlight),
        (roles.PlaceholderText, roles.Base),
        (roles.Text, roles.AlternateBase),
    ):
        colours = palette.color(ink).name(), palette.color(ground).name()
        assert contrast(*colours) >= READABLE, (ink, ground)


def test_a_theme_is_put_on_once(dressed, monkeypatch):
    theme.apply(dressed, LIGHT)
    assert dressed.palette().color(QPalette.ColorRole.Window) == QColor(LIGHT.window)
    worn = []
    monkeypatch.setattr(type(dressed), "setStyleSheet", lambda _, sheet: worn.append(sheet))
    theme.apply(dressed, LIGHT)
    assert worn == []
    theme.apply(dressed, DARK)
    assert len(worn) == 1


def test_style_sheets_have_no_holes():
    for look in THEMES.values():
        sheet = theme._style_sheet(look)
        assert "None" not in sheet
        assert sheet.count("{") == sheet.count("}")
        for path in re.findall(r"url\((.*?)\)", sheet):
            assert path.endswith(".svg")


def test_figures_of_numbers_have_one_width(dressed):
    metrics = QFontMetrics(theme.number_font())
    assert len({metrics.horizontalAdvance(digit * 8) for digit in "0123456789"}) == 1
    fixed = QFontMetrics(theme.fixed_font())
    assert fixed.horizontalAdvance("iiii") == fixed.horizontalAdvance("MMMM")


def test_the_system_decides_where_it_says_so(dressed, monkeypatch):
    class Hints:
        def __init__(self, scheme):
            self.colorScheme = lambda: scheme

    for scheme, expected in (
        (Qt.ColorScheme.Light, LIGHT),
        (Qt.ColorScheme.Dark, DARK),
        (Qt.ColorScheme.Unknown, DARK),
    ):
        hints = Hints(scheme)
        monkeypatch.setattr(theme.QGuiApplication, "styleHints", lambda hints=hints: hints)
        assert theme.system_theme() is expected

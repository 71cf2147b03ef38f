"""Three columns, the landscape in the middle as large as possible."""

import itertools

import pytest
from PySide6.QtWidgets import QApplication, QTabBar

from lab.assets import asset
from lab.gui import layout
from lab.gui.views import VIEWS


@pytest.mark.parametrize("size", [(1600, 980), (1280, 800), (2560, 1400)])
def test_columns_and_rows(window, size):
    window.resize(*size)
    QApplication.processEvents()
    layout.arrange(window, window.docks)
    QApplication.processEvents()
    docks, width = window.docks, window.width()
    left, middle = docks["experiment"].geometry(), docks["landscape"].geometry()
    column = [docks[name].geometry() for name in layout.rows(size[1]).right]
    assert len(column) == (3 if size[1] == 800 else 4)
    assert left.right() < middle.left() < middle.right() < column[0].left()
    assert left.width() == pytest.approx(layout.LEFT_WIDTH, abs=12)
    assert len({box.left() for box in column}) == len({box.width() for box in column}) == 1
    heights = [box.height() for box in column]
    assert max(heights) - min(heights) <= 6
    assert all(a.bottom() < b.top() for a, b in itertools.pairwise(column))
    numbers = docks["numbers"].geometry()
    assert numbers.left() == middle.left()
    assert numbers.top() > middle.bottom()
    assert middle.width() > 0.4 * width
    assert left.left() == layout.GAP
    assert width - 1 - column[0].right() == layout.GAP


def test_toolbars_that_are_margins_cannot_be_hidden(window):
    menu = window.createPopupMenu()
    shown = [action for action in menu.actions() if action.isVisible()]
    names = {action.text() for action in shown if not action.isSeparator()}
    assert "" not in names
    menu.deleteLater()


def test_what_lies_behind_a_tab_is_not_drawn(user):
    docks, views = user.window.docks, user.window.views
    for front, *behind in layout.TABS:
        assert views[front].is_seen()
        for name in behind:
            assert not views[name].is_seen()
            docks[name].raise_()
            user.look(4)
            assert views[name].is_seen()
            assert not views[front].is_seen()
            docks[front].raise_()


def test_tabs_are_where_their_panels_are_when_a_layout_comes_back(open_window):
    """Qt leaves tab bars on the window if panels are put in two places one after the other."""
    open_window().close()
    window = open_window()
    QApplication.processEvents()
    bars = [bar for bar in window.findChildren(QTabBar) if bar.isVisible() and bar.count()]
    seen = [bar for bar in bars if window.rect().contains(bar.geometry().center())]
    assert len(seen) == len(layout.TABS)
    for bar in seen:
        names = [bar.tabText(place) for place in range(bar.count())]
        front = next(d for d in window.docks.values() if d.windowTitle() == names[0])
        assert abs(bar.x() - front.x()) < 5


def test_a_panel_that_a_saved_layout_does_not_know_comes_behind_its_neighbours(
    open_window, monkeypatch
):
    with monkeypatch.context() as before:
        before.setattr("lab.gui.window.VIEWS", [v for v in VIEWS if v.name != "layer_spectra"])
        for plan in ("USUAL", "LOW"):
            now = getattr(layout, plan)
            tabs = tuple(tuple(n for n in group if n != "layer_spectra") for group in now.tabs)
            before.setattr(layout, plan, now._replace(tabs=tabs))
        open_window().close()
    window = open_window()
    QApplication.processEvents()
    new, host = window.docks["layer_spectra"], window.docks["spectrum"]
    assert new in window.tabifiedDockWidgets(host)
    assert window.views["spectrum"].is_seen()
    assert not window.views["layer_spectra"].is_seen()


def test_a_window_that_opens_low_has_three_rows_with_readable_tabs(window):
    window.hide()
    window.resize(1280, 800)
    window.show()
    QApplication.processEvents()
    QApplication.processEvents()
    bars = [bar for bar in window.findChildren(QTabBar) if bar.isVisible() and bar.count()]
    seen = [bar for bar in bars if window.rect().contains(bar.geometry().center())]
    assert len(seen) == len(layout.LOW.tabs)
    for bar in seen:
        assert bar.tabRect(bar.count() - 1).right() <= bar.width()
        for place in range(bar.count()):
            words = bar.fontMetrics().horizontalAdvance(bar.tabText(place))
            assert bar.tabRect(place).width() >= words
    for name in layout.LOW.right:
        assert window.docks[name].height() > 180


def test_every_panel_has_a_place_in_both_arrangements(window):
    for plan in (layout.USUAL, layout.LOW):
        placed = [name for group in plan.tabs for name in group]
        assert len(placed) == len(set(placed))
        assert {*placed, "experiment", "landscape"} == set(window.docks)


def test_a_notice_stays_in_front_of_a_panel_that_is_raised(window):
    window.notices.info("something happened")
    (notice,) = window.notices._alive()
    window.docks["sweep"].raise_()
    QApplication.processEvents()
    at = notice.mapTo(window, notice.rect().center())
    found = window.childAt(at)
    assert found is notice or notice.isAncestorOf(found)


def test_a_panel_whose_probe_is_planned_comes_before_one_that_would_be_empty(user):
    docks, views = user.window.docks, user.window.views
    front, ready = docks["spectrum"], docks["stability"]
    for full, empty, seen in (
        (["stability"], ["spectrum", "layer_spectra"], "stability"),
        (["stability", "spectrum"], ["layer_spectra"], "spectrum"),
        ([], ["spectrum", "layer_spectra", "stability"], "spectrum"),
    ):
        front.raise_()
        user.look(4)
        layout.bring_forward(user.window, docks, full, empty)
        user.look(4)
        assert views[seen].is_seen()
    assert ready in user.window.tabifiedDockWidgets(front)


def test_an_experiment_opens_with_what_it_measures_in_front(user):
    user.window.files.open_asset(asset("experiments/known-edge-of-stability.toml"))
    user.until(lambda: "η = 0.9" in user.recording.lanes)
    user.look(4)
    assert user.window.views["stability"].is_seen()
    assert not user.window.views["spectrum"].is_seen()

"""The menu bar."""

from lab.gui.actions import MENUS


def test_panels_are_switched_in_the_view_menu(window):
    (panels,) = [a.menu() for a in window.menus._menus["View"].actions() if a.text() == "Panels"]
    assert [action.text() for action in panels.actions()] == [
        dock.windowTitle() for dock in window.docks.values()
    ]
    assert all(action.isChecked() for action in panels.actions())
    panels.actions()[0].trigger()
    assert not next(iter(window.docks.values())).isVisible()


def test_there_is_one_menu_for_each_kind_of_command(window):
    texts = [action.text() for action in window.menuBar().actions()]
    assert texts == list(MENUS)
    for menu in window.menus._menus.values():
        rows = menu.actions()
        assert not rows[0].isSeparator()
        assert not rows[-1].isSeparator()


def test_recent_files_are_grey_where_there_are_none(window):
    window.menus._menus["File"].aboutToShow.emit()
    assert not window.menus.recent.isEnabled()
    window.settings.add_recent("/somewhere/mine.lab")
    window.menus._menus["File"].aboutToShow.emit()
    assert window.menus.recent.isEnabled()
    assert [action.text() for action in window.menus.recent.actions()] == ["/somewhere/mine.lab"]


def test_every_guided_experiment_opens(user):
    for action in user.window.menus.guided.actions():
        action.trigger()
        user.look(3)
        user.settle()
        assert user.window.document.path is None
        assert user.experiment.title
        user.go(3)
        assert user.frame.head >= 3  # further where lanes part later: they are brought there
    assert user.notices == []

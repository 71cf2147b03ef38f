"""What opens over the window."""

from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from lab.gui.panels.export_dialog import ExportDialog


def test_everything_has_its_place_in_the_palette_and_grey_says_why(user):
    user.window.popups.search()
    finder = QApplication.activePopupWidget()
    items = {item.key: item for item in finder._items}
    assert {action.objectName() for action in user.window.commands} <= set(items)
    assert {"problem:rosenbrock", "optimizer:adam"} <= set(items)
    assert items["edit.undo"].trouble == "not now"
    assert items["experiment.play"].keys == "Space"
    assert items["file.open"].title == "Open"
    QTest.keyClicks(finder._line, "full screen")
    assert finder.titles()[0] == "Full screen"
    finder.close()


def test_a_small_window_has_room_for_them(user):
    user.window.resize(700, 480)
    user.look(1)
    user.window.popups.search()
    finder = QApplication.activePopupWidget()
    inside = user.window.rect().translated(user.window.pos())
    assert inside.contains(finder.geometry())
    finder.close()


def test_there_is_nothing_to_export_before_there_is_a_recording(dressed, tmp_path):
    from lab.gui.autosave import Autosave
    from lab.gui.screenshot import InlineWorker
    from lab.gui.settings import Settings
    from lab.gui.window import Window

    window = Window(InlineWorker(), Settings(tmp_path), Autosave(tmp_path))
    window.popups.export("")
    window.popups.export("loss")
    assert window.findChildren(ExportDialog) == []
    window.close()

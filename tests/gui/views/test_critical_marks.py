"""Critical points on the landscape: asked for with C, told apart by shape."""

from PySide6.QtCore import Qt

from lab.gui.views.critical_marks import CORNERS, mark


def test_a_key_marks_them_and_takes_them_away_again(user):
    marks = user.landscape._marks
    assert marks.text == ""
    user.key(Qt.Key.Key_C)
    assert user.window.commands["view.critical"].isChecked()
    user.until(lambda: marks.marks is not None)
    user.look(8)
    assert marks.text == "4 minima, 4 saddles, 1 maximum"
    assert ("critical points", marks.text) in user.landscape._strip.facts
    user.window.grab()  # paints, so that it knows where pixels are
    found = marks.marks
    saddle = int((found.index == 1).argmax())
    assert marks.reading(*found.points[saddle]).startswith("saddle, loss 13.3")
    assert marks.reading(*(found.points[saddle] + 1.0)) == ""
    (kept,) = user.recording.probe("topology")
    assert kept.kind == "native"
    user.key(Qt.Key.Key_C)
    user.look(8)
    assert marks.marks is None
    assert marks.text == ""


def test_a_point_chosen_elsewhere_is_ringed(user):
    user.state.marked = (3.0, 2.0)
    user.look(8)
    assert user.landscape._marks.chosen == (3.0, 2.0)
    assert user.landscape._marks.isVisible()
    user.state.marked = None
    user.look(8)
    assert not user.landscape._marks.isVisible()


def test_every_kind_has_its_own_shape():
    shapes = {kind: mark(kind, 0.0, 0.0, 5.0).toPolygon().boundingRect() for kind in CORNERS}
    corners = {kind: len(points) for kind, points in CORNERS.items()}
    assert corners == {0: 3, 2: 3, 1: 4, -1: 4}
    assert shapes[0] != shapes[2] or CORNERS[0] != CORNERS[2]
    assert CORNERS[1] != CORNERS[-1]

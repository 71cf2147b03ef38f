"""One change on the history of undo."""

from PySide6.QtGui import QUndoStack

from lab.gui.edits import Edit, sessions_of


class Post:
    """Takes what edits send."""

    def __init__(self):
        self.sent: list = []

    def send(self, posts, merge=()):
        self.sent.append((list(posts), merge))
        return {len(self.sent)}


def test_made_taken_back_and_made_again(qapp):
    post, stack = Post(), QUndoStack()
    stack.push(Edit(post, "two things", [("a", 1), ("b", 2)], [("a", 0), ("b", 0)]))
    stack.undo()
    stack.redo()
    assert post.sent == [
        ([("a", 1), ("b", 2)], ()),
        ([("b", 0), ("a", 0)], ()),  # the last part first
        ([("a", 1), ("b", 2)], ()),
    ]


def test_edits_of_one_gesture_are_one(qapp):
    post, stack = Post(), QUndoStack()
    for value in (1, 2, 3):
        stack.push(Edit(post, "lr", [("turn", value)], [("turn", value - 1)], merge=("lr", 0)))
    assert stack.count() == 1
    stack.undo()
    assert post.sent[-1] == ([("turn", 0)], ())
    stack.redo()
    assert post.sent[-1] == ([("turn", 3)], ("lr", 0))
    stack.push(Edit(post, "lr", [("turn", 4)], [("turn", 3)], merge=("lr", 1)))
    stack.push(Edit(post, "other", [("go", 1)], [("go", 0)]))
    assert stack.count() == 3


def test_a_session_that_was_opened_is_only_shown_again(qapp):
    post, stack = Post(), QUndoStack()
    do = ("open", "experiment", 7, "7.lab", 20, False)
    stack.push(Edit(post, "problem", [do], [("switch", 3, 12)]))
    stack.undo()
    stack.redo()
    assert [posts for posts, _ in post.sent] == [[do], [("switch", 3, 12)], [("switch", 7, 20)]]
    assert sessions_of([do, ("switch", 3, 12), ("play",)]) == {7, 3}

"""One change on the history of undo."""

from typing import Any

from PySide6.QtGui import QUndoCommand

Post = tuple  # a command's name and arguments


class Edit(QUndoCommand):
    """The commands that make a change, and those that take it back."""

    def __init__(
        self, document: Any, text: str, do: list[Post], undo: list[Post], *, merge: tuple = ()
    ):
        """Describe a change; it is made when it is pushed on the stack.

        Args:
            document: sends the commands.
            text: what the Edit menu says.
            do: commands that make the change.
            undo: commands that take it back.
            merge: edits of one key that follow each other become one.
        """
        super().__init__(text)
        self.do, self.back, self.merge = do, undo, merge
        self.numbers: set[int] = set()  # of the commands sent, to know their answers by
        self._document = document

    def redo(self) -> None:
        """Make the change."""
        self.numbers = self._document.send(self.do, self.merge)
        self.do = [_again(post) for post in self.do]

    def undo(self) -> None:
        """Take it back, the last part first."""
        self._document.send(self.back[::-1])

    def id(self) -> int:
        """Qt merges only edits of one id."""
        return hash(self.merge) & 0x7FFFFFFF if self.merge else -1

    def mergeWith(self, other: QUndoCommand) -> bool:
        """Take over a newer edit of the same thing."""
        if self.merge != other.merge:
            return False
        self.do, self.numbers = other.do, other.numbers
        return True


def sessions_of(posts: list[Post]) -> set[int]:
    """The numbers of the sessions that commands lead to."""
    places = {"open": 2, "switch": 1}
    return {post[places[post[0]]] for post in posts if post[0] in places}


def _again(post: Post) -> Post:
    """How a command is repeated: a session that was opened once is only shown again."""
    if post[0] != "open":
        return post
    _, _, number, _, reach, *_ = post
    return ("switch", number, reach)

"""Keeps the memory and the file of a long recording within their budgets.

Old rows move from memory into the file; where the file is over its own budget, every other old row
of points is dropped there.
"""

from collections.abc import Callable
from functools import partial

from lab.engine.column import Chunk, Column
from lab.engine.labfile import LabFile, drop_chunks, drop_pieces
from lab.engine.recording import Recording
from lab.engine.writeback import Writeback, add_sealed

THIN = 64 << 20  # bytes saved by thinning at a time


class Spill:
    """The full chunks of rows of a recording: where they are, and which are too many."""

    def __init__(self, recording: Recording, writeback: Writeback, *, memory: int, room: int):
        """Watch over a recording.

        Args:
            recording: what grows.
            writeback: how it gets into a file.
            memory: bytes of full chunks held in memory.
            room: bytes of points in the file.
        """
        self._recording, self._writeback = recording, writeback
        self.memory, self.room = memory, room

    @property
    def held(self) -> int:
        """Bytes of full chunks in memory."""
        return sum(column.held for _, _, column in self._recording.columns())

    def move(self, file: LabFile, most: int) -> None:
        """Write the oldest full chunks to the file, until so many bytes are there.

        Raises:
            OSError: it cannot be written; everything is where it was.
        """
        with self._writeback.writing(file) as (db, after):
            for chunk, lane, name, column in self._oldest(Column.unfiled):
                if most <= 0:
                    break
                drop_pieces(db, lane, name)
                after.append(partial(column.mark_filed, [add_sealed(db, lane, name, chunk)]))
                most -= chunk.nbytes

    def release(self) -> None:
        """Drop the oldest chunks that are safe in the file from memory, if that is over budget."""
        excess = self.held - self.memory
        if excess <= 0:
            return
        for chunk, _, _, column in self._oldest(Column.releasable):
            if excess <= 0:
                break
            column.release()
            excess -= chunk.nbytes

    def thin(self, file: LabFile) -> None:
        """Drop every other old row of points while those in the file are over their budget.

        Raises:
            OSError: it cannot be written; all rows are there.
        """
        wide = [item for item in self._recording.columns() if item[1] in ("theta", "shown")]
        excess = min(sum(column.stored for _, _, column in wide) - self.room, THIN)
        while excess > 0 and wide:
            place = max(wide, key=lambda item: item[2].stored)
            lane, name, column = place
            merged = column.thin(excess)
            if not merged:
                wide.remove(place)
                continue
            try:
                with file.writing() as db:
                    drop_chunks(db, [chunk.file_id for a, b, _ in merged for chunk in (a, b)])
                    ids = [add_sealed(db, lane, name, new) for _, _, new in merged]
            except BaseException:
                column.undo(merged)
                raise
            column.settle(merged, ids)
            excess -= sum(a.nbytes + b.nbytes - new.nbytes for a, b, new in merged)

    def _oldest(
        self, which: Callable[[Column], list[Chunk]]
    ) -> list[tuple[Chunk, str, str, Column]]:
        """Chunks of all columns in the order of their steps."""
        columns = self._recording.columns()
        found = [(chunk, *place) for place in columns for chunk in which(place[2])]
        return sorted(found, key=lambda item: item[0].last)

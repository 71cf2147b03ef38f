"""A column of a record: append-only rows, cheap to append to, bounded in memory, safe to read.

One thread appends while others read, without a lock: a reader takes one view and works on that.
Rows, once visible, never change; what changes is where they are held, in memory or in the file.
"""

import bisect
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

CHUNK_BYTES = 256 << 10
CHUNK_ROWS = 8192
CACHED = 8  # chunks read back from the file that are kept at hand
FRESH = 8  # newest chunks that are never thinned


class Chunk:
    """A full run of rows.

    Attributes:
        first: step of the first row.
        last: step of the last row.
        stride: steps from one row to the next; more than 1 where the record was thinned.
        nbytes: size of the rows.
        values: the rows, or None if they are only in the file.
        file_id: where they are in the file, or None if they are only in memory.
    """

    __slots__ = ("file_id", "first", "last", "nbytes", "stride", "values")

    def __init__(
        self,
        first: int,
        last: int,
        stride: int,
        nbytes: int,
        *,
        values: np.ndarray | None = None,
        file_id: int | None = None,
    ):
        """Describe rows; `values` or `file_id` says where they are."""
        self.first, self.last, self.stride, self.nbytes = first, last, stride, nbytes
        self.values, self.file_id = values, file_id

    @property
    def rows(self) -> int:
        """How many rows it holds."""
        return (self.last - self.first) // self.stride + 1

    @property
    def steps(self) -> np.ndarray:
        """The steps of its rows."""
        return np.arange(self.first, self.last + 1, self.stride)


class _View(NamedTuple):
    """What a reader sees: full chunks, the buffer being filled, and how far it is filled."""

    chunks: list[Chunk]  # only ever appended to; a thinned column begins another list
    full: int  # how many of them belong to this view
    buffer: np.ndarray | None
    first: int
    count: int


class Column:
    """Rows of one quantity, one for each step (fewer where the record had to be thinned).

    The full chunks are, oldest first: those that are only in the file, those that are in the file
    and in memory, and those that are only in memory.
    """

    def __init__(self, first: int = 0, fetch: Callable[[int], np.ndarray | None] | None = None):
        """Start empty.

        Args:
            first: step of the first row to come.
            fetch: reads the rows of a chunk that is only in the file, by its id; None if the file
                has them no more.
        """
        self._view = _View([], 0, None, first, 0)
        self._fetch = fetch
        self._cache: dict[int, np.ndarray] = {}
        self._filed = 0  # full chunks that are in the file
        self._released = 0  # full chunks that are only there
        self.held = 0  # bytes of full chunks in memory
        self.stored = 0  # bytes of full chunks in the file
        self.written = 0  # rows of the buffer that are in the file as well (the file's business)

    @property
    def chunks(self) -> list[Chunk]:
        """The full chunks."""
        return self._view.chunks[: self._view.full]

    @property
    def head(self) -> int:
        """Step of the last row; one less than the first to come while there is none."""
        view = self._view
        return view.first + view.count - 1

    @property
    def nbytes(self) -> int:
        """Bytes held in memory."""
        buffer = self._view.buffer
        return self.held + (0 if buffer is None else buffer.nbytes)

    def append(self, rows: np.ndarray) -> None:
        """Add rows (count, ...) for the steps that follow; they are copied."""
        while len(rows):
            chunks, full, buffer, first, count = self._view
            if buffer is None:
                size = max(1, min(CHUNK_ROWS, CHUNK_BYTES // max(1, rows[0].nbytes)))
                buffer = np.empty((size, *rows.shape[1:]), dtype=rows.dtype)
            taken = min(len(rows), len(buffer) - count)
            buffer[count : count + taken] = rows[:taken]
            rows = rows[taken:]
            count += taken
            if count < len(buffer):
                self._view = _View(chunks, full, buffer, first, count)
                continue
            buffer.setflags(write=False)
            chunks.append(Chunk(first, first + count - 1, 1, buffer.nbytes, values=buffer))
            self.held += buffer.nbytes
            self.written = 0
            self._view = _View(chunks, full + 1, None, first + count, 0)

    # -- between memory and file; only the thread that appends ---------------------------------

    def fresh_rows(self) -> tuple[int, np.ndarray]:
        """Rows of the buffer that the file does not have yet, and the step of the first."""
        view = self._view
        rows = np.empty(0) if view.buffer is None else view.buffer[self.written : view.count]
        return view.first + self.written, rows

    def mark_written(self, count: int) -> None:
        """Note that the file now has this many more rows of the buffer."""
        self.written += count

    def unfiled(self) -> list[Chunk]:
        """The full chunks that the file does not have yet."""
        return self._view.chunks[self._filed : self._view.full]

    def mark_filed(self, file_ids: list[int]) -> None:
        """Note where in the file the oldest unfiled chunks are."""
        for chunk, file_id in zip(self.unfiled(), file_ids, strict=False):
            chunk.file_id = file_id
            self.stored += chunk.nbytes
        self._filed += len(file_ids)

    def releasable(self) -> list[Chunk]:
        """The full chunks in memory that the file has too, oldest first."""
        return self._view.chunks[self._released : self._filed]

    def release(self) -> None:
        """Drop the oldest releasable chunk from memory."""
        chunk = self._view.chunks[self._released]
        chunk.values = None
        self.held -= chunk.nbytes
        self._released += 1

    def load(self, chunks: list[Chunk]) -> None:
        """Take over the chunks of a file, in order."""
        first = chunks[-1].last + 1 if chunks else self._view.first
        self._view = _View(chunks, len(chunks), None, first, 0)
        self._filed = self._released = len(chunks)
        self.stored = sum(chunk.nbytes for chunk in chunks)

    def thin(self, excess: int) -> list[tuple[Chunk, Chunk, Chunk]]:
        """Merge neighbours, dropping every other row: the finest first, of those the oldest.

        The new chunks hold their rows in memory until `settle` says where they are in the file.

        Args:
            excess: bytes to save; fewer are saved where there is nothing left to merge.

        Returns:
            The pairs that were merged, each with what became of it.
        """
        view = self._view
        old = view.chunks[: max(0, self._released - FRESH)]
        pairs = [i for i in range(len(old) - 1) if _mergeable(old[i], old[i + 1])]
        finest = min((old[i].stride for i in pairs), default=0)
        wanted = {i for i in pairs if old[i].stride == finest}
        chunks: list[Chunk] = []
        merged: list[tuple[Chunk, Chunk, Chunk]] = []
        while len(chunks) + len(merged) < len(old):
            i = len(chunks) + len(merged)
            if i in wanted and excess > 0:
                new = self._merge(old[i], old[i + 1])
                merged.append((old[i], old[i + 1], new))
                excess -= old[i].nbytes + old[i + 1].nbytes - new.nbytes
                chunks.append(new)
            else:
                chunks.append(old[i])
        if merged:
            chunks += view.chunks[len(old) : view.full]
            self._filed -= len(merged)
            self._released -= len(merged)
            self._view = view._replace(chunks=chunks, full=len(chunks))
        return merged

    def settle(self, merged: list[tuple[Chunk, Chunk, Chunk]], file_ids: list[int]) -> None:
        """Note that the file has merged chunks, and no longer those that they were made of."""
        for (a, b, new), file_id in zip(merged, file_ids, strict=True):
            new.file_id = file_id
            new.values = None
            self.stored += new.nbytes - a.nbytes - b.nbytes

    def undo(self, merged: list[tuple[Chunk, Chunk, Chunk]]) -> None:
        """Take merging back: the file could not be written, and has the finer rows still."""
        parts = {id(new): (a, b) for a, b, new in merged}
        view = self._view
        chunks = [
            old for chunk in view.chunks[: view.full] for old in parts.get(id(chunk), (chunk,))
        ]
        self._filed += len(merged)
        self._released += len(merged)
        self._view = view._replace(chunks=chunks, full=len(chunks))

    def _merge(self, a: Chunk, b: Chunk) -> Chunk:
        steps = np.concatenate([a.steps, b.steps])
        kept = steps % (2 * a.stride) == 0
        values = np.concatenate([self._rows(a), self._rows(b)])[kept]
        values.setflags(write=False)
        first, last = steps[kept][[0, -1]].tolist()
        return Chunk(first, last, 2 * a.stride, values.nbytes, values=values)

    # -- reading; any thread -------------------------------------------------------------------

    def read(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the steps start <= step < stop, read-only.

        Returns:
            The steps that are on record, and their rows.

        Raises:
            ValueError: rows that are in the file no more, or cannot be read there.
        """
        return self._look(lambda view: self._read(view, start, stop))

    def at(self, step: int) -> tuple[int, np.ndarray] | None:
        """The row of a step, or of the nearest earlier step on record; None before the first.

        Raises:
            ValueError: a row that is in the file no more, or cannot be read there.
        """
        return self._look(lambda view: self._at(view, step))

    def _look(self, look: Callable[[_View], object]) -> object:
        """Look at the present view; at the next one, where thinning got in between."""
        while True:
            view = self._view
            try:
                return look(view)
            except LookupError:
                if self._view.chunks is view.chunks:
                    raise ValueError("these rows are in the file no more") from None

    def _read(self, view: _View, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        steps, values = [], []
        for i in range(max(0, _place(view, start)), view.full):
            chunk = view.chunks[i]
            if chunk.first >= stop:
                break
            low = max(0, -(-(start - chunk.first) // chunk.stride))
            high = min(chunk.rows, -(-(stop - chunk.first) // chunk.stride))
            if low < high:
                steps.append(chunk.steps[low:high])
                values.append(self._rows(chunk)[low:high])
        low, high = max(0, start - view.first), min(view.count, stop - view.first)
        if view.buffer is not None and low < high:
            steps.append(np.arange(view.first + low, view.first + high))
            values.append(view.buffer[low:high])
        if not steps:
            sample = self._sample(view)
            return np.empty(0, dtype=np.int64), np.empty((0, *sample.shape[1:]), sample.dtype)
        rows = values[0].view() if len(values) == 1 else np.concatenate(values)
        rows.setflags(write=False)
        return steps[0] if len(steps) == 1 else np.concatenate(steps), rows

    def _at(self, view: _View, step: int) -> tuple[int, np.ndarray] | None:
        if view.count and view.first <= step:
            offset = min(step - view.first, view.count - 1)
            found, row = view.first + offset, view.buffer[offset]
        else:
            place = _place(view, step)
            if place < 0:
                return None
            chunk = view.chunks[place]
            offset = min((step - chunk.first) // chunk.stride, chunk.rows - 1)
            found, row = chunk.first + offset * chunk.stride, self._rows(chunk)[offset]
        if isinstance(row, np.ndarray):
            row = row.view()
            row.setflags(write=False)
        return found, row

    def _sample(self, view: _View) -> np.ndarray:
        if view.buffer is not None:
            return view.buffer
        return self._rows(view.chunks[view.full - 1]) if view.full else np.empty(0)

    def _rows(self, chunk: Chunk) -> np.ndarray:
        """The rows of a full chunk; LookupError if it was thinned away."""
        values = chunk.values
        if values is not None:
            return values
        file_id = chunk.file_id
        values = self._cache.get(file_id)
        if values is None:
            values = self._fetch(file_id)
            if values is None:
                raise LookupError(file_id)
            newest = dict(list(self._cache.items())[-CACHED + 1 :])
            self._cache = {**newest, file_id: values}
        return values


def _place(view: _View, step: int) -> int:
    """The last full chunk that begins at or before a step; -1 if none does."""
    return bisect.bisect_right(view.chunks, step, hi=view.full, key=lambda c: c.first) - 1


def _mergeable(a: Chunk, b: Chunk) -> bool:
    return a.stride == b.stride and a.last + a.stride == b.first and a.rows + b.rows >= 4

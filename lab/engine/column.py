"""A column of a record: append-only rows, cheap to append to, bounded in memory, safe to read.

The engine's thread appends while the window's thread reads. A reader takes one immutable view (a
tuple) and works on that, so there is no lock: rows, once visible, never change.
"""

import bisect
import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

CHUNK_BYTES = 256 << 10
CHUNK_ROWS = 8192
CACHED = 8  # chunks read back from the file that are kept at hand


@dataclass(frozen=True)
class Chunk:
    """A full run of rows.

    Attributes:
        first: step of the first row.
        last: step of the last row.
        stride: steps from one row to the next; more than 1 where the record was thinned.
        values: the rows, or None if they are only in the file.
        file_id: where they are in the file, or None if they are only in memory.
        nbytes: their size.
    """

    first: int
    last: int
    stride: int
    values: np.ndarray | None
    file_id: int | None
    nbytes: int

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

    chunks: tuple[Chunk, ...]
    buffer: np.ndarray | None
    first: int
    count: int


class Column:
    """Rows of one quantity, one for each step (fewer where the record had to be thinned)."""

    def __init__(self, first: int = 0, fetch: Callable[[int], np.ndarray] | None = None):
        """Start empty.

        Args:
            first: step of the first row to come.
            fetch: reads the rows of a chunk that is only in the file, by its id.
        """
        self._view = _View((), None, first, 0)
        self._fetch = fetch
        self._cache: dict[int, np.ndarray] = {}
        self.written = 0  # rows of the buffer that are already in the file (the file's business)

    @property
    def chunks(self) -> tuple[Chunk, ...]:
        """The full chunks."""
        return self._view.chunks

    @property
    def head(self) -> int:
        """Step of the last row; one less than the first to come while there is none."""
        view = self._view
        return view.first + view.count - 1

    @property
    def nbytes(self) -> int:
        """Bytes held in memory."""
        view = self._view
        held = sum(chunk.nbytes for chunk in view.chunks if chunk.values is not None)
        return held + (view.buffer.nbytes if view.buffer is not None else 0)

    def append(self, rows: np.ndarray) -> None:
        """Add rows (count, ...) for the steps that follow; they are copied."""
        while len(rows):
            chunks, buffer, first, count = self._view
            if buffer is None:
                each = max(1, rows[0].nbytes)
                size = max(1, min(CHUNK_ROWS, CHUNK_BYTES // each))
                buffer = np.empty((size, *rows.shape[1:]), dtype=rows.dtype)
            taken = min(len(rows), len(buffer) - count)
            buffer[count : count + taken] = rows[:taken]
            rows = rows[taken:]
            count += taken
            if count == len(buffer):
                buffer.setflags(write=False)
                chunk = Chunk(first, first + count - 1, 1, buffer, None, buffer.nbytes)
                self.written = 0
                self._view = _View((*chunks, chunk), None, first + count, 0)
            else:
                self._view = _View(chunks, buffer, first, count)

    def fresh_rows(self) -> tuple[int, np.ndarray]:
        """Rows of the buffer that the file does not have yet, and the step of the first."""
        view = self._view
        if view.buffer is None:
            return view.first, np.empty(0)
        return view.first + self.written, view.buffer[self.written : view.count]

    def mark_written(self, count: int) -> None:
        """Note that the file now has this many more rows of the buffer."""
        self.written += count

    def mark_filed(self, first: int, file_id: int | None) -> None:
        """Note where in the file the full chunk is that begins at a step."""
        self._put(first, lambda chunk: replace(chunk, file_id=file_id))

    def release(self, first: int) -> None:
        """Drop the rows of the chunk that begins at a step from memory; the file has them."""
        self._put(first, lambda chunk: replace(chunk, values=None))

    def load(self, chunks: tuple[Chunk, ...]) -> None:
        """Take over the chunks of a file, in order."""
        self._view = _View(chunks, None, chunks[-1].last + 1 if chunks else self._view.first, 0)

    def _put(self, first: int, change: Callable[[Chunk], Chunk]) -> None:
        view = self._view
        chunks = tuple(change(chunk) if chunk.first == first else chunk for chunk in view.chunks)
        self._view = view._replace(chunks=chunks)

    def thin(self) -> tuple[Chunk, Chunk, Chunk] | None:
        """Merge the two oldest neighbours of the finest stride, dropping every other row.

        Returns:
            The two old chunks and the new one, or None if there is nothing to merge.
        """
        chunks = self._view.chunks
        pairs = [
            (a.stride, i)
            for i, (a, b) in enumerate(itertools.pairwise(chunks))
            if a.stride == b.stride and a.last + a.stride == b.first and a.rows + b.rows >= 4
        ]
        if not pairs:
            return None
        _, i = min(pairs)
        a, b = chunks[i], chunks[i + 1]
        steps = np.concatenate([a.steps, b.steps])
        kept = steps % (2 * a.stride) == 0
        values = np.concatenate([self._values(a), self._values(b)])[kept]
        values.setflags(write=False)
        steps = steps[kept]
        new = Chunk(int(steps[0]), int(steps[-1]), 2 * a.stride, values, None, values.nbytes)
        view = self._view
        self._view = view._replace(chunks=(*view.chunks[:i], new, *view.chunks[i + 2 :]))
        return a, b, new

    def read(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the steps start <= step < stop.

        Returns:
            The steps that are on record, and their rows (read-only or copied).
        """
        view = self._view
        steps, values = [], []
        place = max(0, bisect.bisect_right(view.chunks, start, key=lambda c: c.first) - 1)
        for chunk in view.chunks[place:]:
            if chunk.first >= stop:
                break
            low = max(0, -(-(start - chunk.first) // chunk.stride))
            high = min(chunk.rows, -(-(stop - chunk.first) // chunk.stride))
            if low < high:
                steps.append(chunk.steps[low:high])
                values.append(self._values(chunk)[low:high])
        low, high = max(0, start - view.first), min(view.count, stop - view.first)
        if view.buffer is not None and low < high:
            steps.append(np.arange(view.first + low, view.first + high))
            values.append(view.buffer[low:high])
        if not steps:
            return np.empty(0, dtype=np.int64), np.empty((0, *self.row_shape), dtype=self.dtype)
        if len(steps) == 1:
            rows = values[0].view()
            rows.setflags(write=False)
            return steps[0], rows
        return np.concatenate(steps), np.concatenate(values)

    def at(self, step: int) -> tuple[int, np.ndarray] | None:
        """The row of a step, or of the nearest earlier step on record; None before the first."""
        view = self._view
        if view.buffer is not None and view.first <= step:
            offset = min(step - view.first, view.count - 1)
            if offset >= 0:
                return view.first + offset, view.buffer[offset]
        place = bisect.bisect_right(view.chunks, step, key=lambda c: c.first) - 1
        if place < 0:
            return None
        chunk = view.chunks[place]
        row = min((step - chunk.first) // chunk.stride, chunk.rows - 1)
        return chunk.first + row * chunk.stride, self._values(chunk)[row]

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Shape of one row."""
        sample = self._sample()
        return () if sample is None else sample.shape[1:]

    @property
    def dtype(self) -> np.dtype:
        """Type of one row."""
        sample = self._sample()
        return np.dtype(float) if sample is None else sample.dtype

    def _sample(self) -> np.ndarray | None:
        view = self._view
        if view.buffer is not None:
            return view.buffer
        return self._values(view.chunks[-1]) if view.chunks else None

    def _values(self, chunk: Chunk) -> np.ndarray:
        if chunk.values is not None:
            return chunk.values
        cached = self._cache.get(chunk.file_id)
        if cached is None:
            cached = self._fetch(chunk.file_id)
            cache = dict(list(self._cache.items())[-CACHED + 1 :])
            self._cache = {**cache, chunk.file_id: cached}
        return cached

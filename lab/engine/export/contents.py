"""What a recording holds, laid out once for every kind of table.

Arrays come as entries with a path (`lanes/adam/loss`), which is a key in an NPZ file and a data set
in an HDF5 file. Rows come as blocks of equal columns, one row for each step and run.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from lab.engine.export.files import file_names
from lab.engine.quantities import quantity
from lab.engine.recording import Event, LaneRecord, Recording, Result
from lab.engine.sweeps import lowest_losses
from lab.engine.writeback import experiment_text

BLOCK_ROWS = 5_000  # rows of a table that are held at a time
FEW = 16  # parameters up to which a table has a column for each

Block = dict[str, np.ndarray]  # column -> (rows,)


class Entry(NamedTuple):
    """An array of a recording.

    Attributes:
        path: its name, with the groups it is in.
        read: gives the array.
        unit: its unit, "1" for a pure number.
        doc: one line on what it is.
    """

    path: str
    read: Callable[[], np.ndarray]
    unit: str
    doc: str


def about(recording: Recording, lanes: list[str]) -> dict[str, str]:
    """What goes with the numbers, as text: the experiment as TOML, everything else as JSON."""
    return {
        "experiment": experiment_text(recording.experiment),
        "header": json.dumps(recording.header),
        "lanes": json.dumps([lane_about(recording, name) for name in lanes]),
        "results": json.dumps(
            [{"path": path, **result_about(result)} for path, result in results_of(recording)]
        ),
        "events": json.dumps(
            [
                {"step": e.step, "lane": e.lane, "kind": e.kind, "data": dict(e.data)}
                for e in events_of(recording)
            ]
        ),
    }


def results_of(recording: Recording) -> Iterator[tuple[str, Result]]:
    """All results, each with its path `results/NAME/NUMBER`, by name, step and lane.

    Lanes take turns by the clock, so the order in which things were measured is not always the
    same; this one is.
    """
    for name in sorted({result.name for result in recording.results}):
        for number, result in enumerate(recording.probe(name)):
            yield f"results/{name}/{number:05d}", result


def events_of(recording: Recording) -> list[Event]:
    """All events, by step and then by lane."""
    place = {lane: number for number, lane in enumerate(recording.records)}
    return sorted(recording.events, key=lambda event: (event.step, place.get(event.lane, -1)))


def lane_about(recording: Recording, name: str) -> dict[str, Any]:
    """What is to be known of a lane besides its arrays, as plain data."""
    record = recording.lane(name)
    return {
        "name": name,
        "spec": record.spec.to_data(),
        "run_knobs": record.spec.run_knobs(),
        "diverged": {str(run): list(where) for run, where in record.diverged.items()},
        "failure": record.failure,
    }


def result_about(result: Result) -> dict[str, Any]:
    """What is to be known of a measurement besides its arrays, as plain data."""
    plain = {key: getattr(result, key) for key in ("name", "lane", "step", "seconds")}
    return {**plain, "info": dict(result.info)}


def columns_of(record: LaneRecord) -> list[str]:
    """The quantities of a lane; a branch without rows of its own has those of its parent.

    The learning rate is among them where it follows a schedule.
    """
    if record.columns or not record.parent:
        return [*record.columns, *(["lr"] if record.spec.lr_schedule is not None else [])]
    return columns_of(record.parent)


def entries(recording: Recording, lanes: list[str]) -> Iterator[Entry]:
    """All arrays: `lanes/NAME/QUANTITY` by step, `results/NAME/NUMBER/ARRAY` by step.

    Every quantity is (rows, runs) or (rows, runs, dim); `steps` gives the step of each row, and
    `theta_steps` those of the rows of theta, which are fewer where a very long record was thinned.
    """
    keys = file_names(lanes)
    for name in lanes:
        record = recording.lane(name)
        group = f"lanes/{keys[name]}"
        for column in columns_of(record):
            what = quantity(column)
            if column in ("loss", "theta"):
                steps = "steps" if column == "loss" else "theta_steps"
                read = _reader(recording.steps, name, column)
                yield Entry(f"{group}/{steps}", read, "1", f"step of each row of {column}")
            read = _reader(recording.scalar, name, column)
            yield Entry(f"{group}/{column}", read, what.unit, what.doc)
    for path, result in results_of(recording):
        for name, array in result.arrays.items():
            yield Entry(f"{path}/{name}", _reader(np.asarray, array), "1", "")


def lane_rows(recording: Recording, lane: str) -> int:
    """How many rows the table of a lane has."""
    record = recording.lane(lane)
    return (record.head + 1) * record.runs


def lane_blocks(recording: Recording, lane: str) -> Iterator[Block]:
    """The table of a lane, by step and then by run.

    Columns: step, run, the knobs that differ between runs, every recorded scalar, and theta_0,
    theta_1 and so on where there are few parameters. A row of theta that a very long record no
    longer holds is NaN.
    """
    record = recording.lane(lane)
    swept = {
        name: np.array([row[name] for row in record.spec.run_knobs()]) for name in record.spec.sweep
    }
    count = max(1, BLOCK_ROWS // record.runs)
    for start in range(0, record.head + 1, count):
        yield _lane_block(record, swept, start, start + count)


def sweep_block(recording: Recording, lane: str) -> Block:
    """The table of a lane's sweep, a row for each run.

    Columns: run, seed, the swept knobs, `loss` at the newest step, `best_loss`, the lowest so far,
    and `diverged_at`, the step at which the run went, -1 for one that goes on.
    """
    record = recording.lane(lane)
    knobs, runs = record.spec.run_knobs(), np.arange(record.runs)
    loss = np.array(record.at("loss", record.head)[1], dtype=np.float64)
    gone = {run: where.step for run, where in record.diverged.items()}
    return {
        "run": runs,
        "seed": runs % record.spec.runs,
        **{name: np.array([row[name] for row in knobs]) for name in record.spec.sweep},
        "loss": loss,
        "best_loss": lowest_losses(record, record.head),
        "diverged_at": np.array([gone.get(run, -1) for run in runs.tolist()]),
    }


def result_tables(recording: Recording, name: str) -> Iterator[tuple[str, Block]]:
    """The tables of a measurement: "" for its scalars, then the name of each of its arrays.

    The table of the scalars has one row for each result: step, lane, seconds and every number or
    text in it. That of an array has one row for each of its numbers: step, lane, the indices i, j
    and so on, and value.
    """
    results = recording.probe(name)
    rows = [_scalars(result) for result in results]
    columns = dict.fromkeys(key for row in rows for key in row)
    yield "", {key: _column([row.get(key) for row in rows]) for key in columns}
    for result in results:
        for key, array in result.arrays.items():
            if array.ndim:
                yield key, _array_block(result, array)


def _lane_block(record: LaneRecord, swept: Block, start: int, stop: int) -> Block:
    steps = record.read("loss", start, stop)[0]
    runs = record.runs
    block: Block = {
        "step": np.repeat(steps, runs),
        "run": np.tile(np.arange(runs), len(steps)),
        **{name: np.tile(values, len(steps)) for name, values in swept.items()},
    }
    points: Block = {}
    for name in columns_of(record):
        there, rows = record.read(name, start, stop)
        if rows.ndim == 3:
            if rows.shape[2] <= FEW:
                rows = _at_steps(steps, there, rows)
                flat = rows.reshape(-1, rows.shape[2])
                points |= {f"{name}_{i}": flat[:, i] for i in range(flat.shape[1])}
        elif rows.ndim == 1:  # one number for all runs
            block[name] = np.repeat(_whole(name, rows), runs)
        else:
            block[name] = rows.ravel()
    return {**block, **points}


def _at_steps(steps: np.ndarray, there: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Rows for all steps, NaN where a row is not on record."""
    if len(there) == len(steps):
        return rows
    full = np.full((len(steps), *rows.shape[1:]), np.nan, dtype=rows.dtype)
    full[np.searchsorted(steps, there)] = rows
    return full


def _whole(name: str, rows: np.ndarray) -> np.ndarray:
    """Counts as whole numbers; they are recorded as floats beside the seconds."""
    return rows if name == "seconds" else rows.astype(np.int64)


def _scalars(result: Result) -> dict[str, Any]:
    """The numbers and texts of a result that are not arrays."""
    plain = {key: array.item() for key, array in result.arrays.items() if not array.ndim}
    info = {k: v for k, v in result.info.items() if isinstance(v, bool | int | float | str)}
    place = {"step": result.step, "lane": result.lane, "seconds": result.seconds}
    return {**place, **plain, **info}


def _column(values: list) -> np.ndarray:
    """Values of one kind; a missing number is NaN, a missing text empty."""
    if any(isinstance(value, str) for value in values):
        return np.array(["" if value is None else str(value) for value in values])
    return np.array([np.nan if value is None else value for value in values])


def _array_block(result: Result, array: np.ndarray) -> Block:
    places = np.indices(array.shape).reshape(array.ndim, -1)
    return {
        "step": np.full(array.size, result.step),
        "lane": np.full(array.size, result.lane),
        **dict(zip("ijklmn", places, strict=False)),
        "value": array.ravel(),
    }


def _reader(read: Callable, *args: Any) -> Callable[[], np.ndarray]:
    return lambda: read(*args)

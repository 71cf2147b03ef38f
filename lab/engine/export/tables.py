"""Tables: CSV and Parquet for spreadsheets and data frames, NPZ and HDF5 for arrays.

Every function is a generator that yields how far it is, from 0 to 1, so that a long table can be
written a slice at a time and stopped in between.
"""

import csv
import json
import zipfile
from collections.abc import Callable, Generator
from pathlib import Path
from typing import IO

import numpy as np

from lab.engine.export.contents import (
    Block,
    about,
    entries,
    events_of,
    lane_about,
    lane_blocks,
    lane_rows,
    result_about,
    result_tables,
    results_of,
    sweep_block,
)
from lab.engine.export.files import file_names
from lab.engine.recording import Recording

Fractions = Generator[float, None, None]


def write_csv(recording: Recording, folder: Path, lanes: list[str], probes: list[str]) -> Fractions:
    """One file for each lane, each sweep and each measurement, and one for the events.

    Numbers are written so that reading them as float64 gives back exactly what was recorded.
    """
    with (folder / "events.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["step", "lane", "kind", "message", "data"])
        for event in events_of(recording):
            # the traceback of a failure is for no spreadsheet: the recording has it
            data = {key: value for key, value in event.data.items() if key != "details"}
            message = data.pop("message", "")
            writer.writerow([event.step, event.lane, event.kind, message, json.dumps(data)])
    yield from _tables(recording, folder, lanes, probes, "csv", _append_csv)


def write_parquet(
    recording: Recording, folder: Path, lanes: list[str], probes: list[str]
) -> Fractions:
    """The tables of `write_csv` with their types kept and the experiment in their metadata."""
    import pyarrow as pa
    from pyarrow import parquet

    notes = {key: text.encode() for key, text in about(recording, lanes).items()}
    writers: dict[Path, parquet.ParquetWriter] = {}

    def append(path: Path, block: Block) -> None:
        table = pa.table(block)
        if path not in writers:
            schema = table.schema.with_metadata(notes)
            writers[path] = parquet.ParquetWriter(path, schema)
        writers[path].write_table(table.cast(writers[path].schema))

    try:
        yield from _tables(recording, folder, lanes, probes, "parquet", append)
    finally:
        for writer in writers.values():
            writer.close()


def write_npz(recording: Recording, folder: Path, lanes: list[str]) -> Fractions:
    """All arrays in one `recording.npz`, under the paths of `contents.entries`.

    `experiment`, `header`, `lanes`, `results` and `events` are text; `units` says the unit of each
    array. The same recording gives the same bytes.
    """
    found = list(entries(recording, lanes))
    texts = about(recording, lanes)
    texts["units"] = json.dumps({entry.path: entry.unit for entry in found})
    with zipfile.ZipFile(folder / "recording.npz", "w", zipfile.ZIP_STORED) as archive:
        for name, text in texts.items():
            _add_array(archive, name, np.array(text))
        for number, entry in enumerate(found):
            _add_array(archive, entry.path, entry.read())
            yield (number + 1) / len(found)


def write_hdf5(recording: Recording, folder: Path, lanes: list[str]) -> Fractions:
    """All arrays in one `recording.h5`, as data sets under the paths of `contents.entries`.

    Data sets have the attributes `units` and `description`; the groups of lanes and results say
    what is to be known of them; `experiment`, `header` and `events` are text.
    """
    import h5py

    found = list(entries(recording, lanes))
    texts = about(recording, lanes)
    with h5py.File(folder / "recording.h5", "w") as file:
        for name in ("experiment", "header", "events"):
            file[name] = texts[name]
        for number, entry in enumerate(found):
            data = file.create_dataset(entry.path, data=entry.read())
            data.attrs["units"], data.attrs["description"] = entry.unit, entry.doc
            yield (number + 1) / len(found)
        for name, key in file_names(lanes).items():
            for label, value in lane_about(recording, name).items():
                plain = value if isinstance(value, str) else json.dumps(value)
                file.require_group(f"lanes/{key}").attrs[label] = plain
        for path, result in results_of(recording):
            group = file.require_group(path)
            for label, value in result_about(result).items():
                group.attrs[label] = json.dumps(value) if label == "info" else value


def _tables(
    recording: Recording,
    folder: Path,
    lanes: list[str],
    probes: list[str],
    suffix: str,
    append: Callable[[Path, Block], None],
) -> Fractions:
    """Write the tables of all lanes, then those of all measurements, block by block."""
    total = sum(lane_rows(recording, name) for name in lanes) or 1
    done = 0
    for name, key in file_names(lanes).items():
        for block in lane_blocks(recording, name):
            append(folder / f"lane-{key}.{suffix}", block)
            done += len(block["step"])
            yield min(1.0, done / total)
        if recording.lane(name).spec.sweep and lane_rows(recording, name):
            append(folder / f"sweep-{key}.{suffix}", sweep_block(recording, name))
    for name, key in file_names(probes).items():
        for array, block in result_tables(recording, name):
            append(folder / f"probe-{key}{'-' if array else ''}{array}.{suffix}", block)
            yield min(1.0, done / total)


def _append_csv(path: Path, block: Block) -> None:
    """Add rows; the first ones put the names of the columns above them."""
    fresh = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        if fresh:
            writer.writerow(block)
        # Python's own numbers, which are written in full
        writer.writerows(zip(*(column.tolist() for column in block.values()), strict=True))


def _add_array(archive: zipfile.ZipFile, name: str, array: np.ndarray) -> None:
    """Write an array as numpy's own savez would, but with a fixed date."""
    member: IO[bytes]
    with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
        np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)

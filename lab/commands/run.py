"""`landscape-lab run FILE.toml --out DIR`: an experiment from start to figures, without a window.

The recording grows in a `.lab` file in the folder, so that it survives whatever ends the process.
"""

import argparse
import contextlib
import itertools
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lab.commands.progress import Line
from lab.engine.knobs import did_you_mean, knob_fields

RECORDING = "recording.lab"
UNFINISHED = "recording-unfinished"
INCOMPLETE = 3  # exit status where something failed on the way


def run(given: argparse.Namespace) -> int:
    """Run an experiment and write what was asked for.

    Returns:
        The exit status: 0 done, `INCOMPLETE` done but for what failed, 130 stopped by Ctrl+C.

    Raises:
        ValueError: something in the file or the options that is not allowed; nothing is written.
        OSError: the folder cannot be written.
    """
    from lab.engine import export as exporting
    from lab.engine.catalogue import located
    from lab.engine.session import Session

    formats = exporting.check_formats(given.formats)
    experiment = experiment_of(given)
    out = Path(given.out)
    exporting.check_folder(out)
    with located(Path(given.file).name):
        session = Session(experiment)
        check_sense(session)
    out.mkdir(parents=True, exist_ok=True)
    recording = session.recording
    draft = _free(out)
    recording.recorder.record_to(draft)
    session.keep()
    saved = False
    try:
        with Line(given.quiet) as line:
            if draft.stem != UNFINISHED:
                line.finish(f"{UNFINISHED}.lab is here, of a run that did not end; it stays")
            stopped = _advance(session, line)
            recording.save(out / RECORDING)
            saved = True
            if not stopped:
                others = [name for name in formats if name != "lab"]
                files = exporting.export(recording, out, [*others, "toml"], line.share)
    finally:
        recording.close()
        if saved:
            draft.unlink()
    for name in recording.lanes:
        if text := recording.lane(name).divergence_text():
            line.finish(f"lane {text}")
    if stopped:
        end = f"stopped at step {recording.head:,}; {out / RECORDING} holds what was recorded"
    else:
        end = f"{recording.head:,} steps; {len(files) + 1} files in {out}"
    line.finish(end)
    failed = failures(recording)
    for text in failed:
        line.complain(text)
    return 130 if stopped else INCOMPLETE if failed else 0


def experiment_of(given: argparse.Namespace) -> Any:
    """The experiment of the file, with what the options say put into it.

    Raises:
        ValueError: something in the file or the options that is not allowed.
    """
    from lab.engine.catalogue import located
    from lab.engine.experiment import Experiment

    experiment = Experiment.load(given.file)
    data = experiment.to_data()
    for field in knob_fields(Experiment):
        if getattr(given, field.name) is not None:
            data[field.name] = getattr(given, field.name)
    for key, value in given.set:
        with located(f"--set {key}"):
            assign(data, key, value)
    with located(" and ".join([Path(given.file).name, *[f"--set {key}" for key, _ in given.set]])):
        return Experiment.from_data(data)


def check_sense(session: Any) -> None:
    """Refuse what can be computed but cannot be meant; nobody watches who could see it.

    Raises:
        ValueError: no lanes, a problem that is not finite in its own window, or a start outside of
            it, or runs that are all lost where they start.
    """
    from lab.engine.starts import check_starts

    if not session.experiment.lanes:
        raise ValueError("lanes: there are none to run; at least one is needed, [[lanes]]")
    if trouble := session.recording.header["problem"]["trouble"]:
        raise ValueError(f"problem: {trouble}")
    check_starts(session.experiment, session.problem)
    records = list(session.recording.records.values())
    if all(_lost_at_once(record) for record in records):
        raise ValueError(f"no run gets past its start: {records[0].divergence_text()}")


def _lost_at_once(record: Any) -> bool:
    """Whether all runs of a lane diverged where they start."""
    return len(record.diverged) == record.runs and all(
        where.step == 0 for where in record.diverged.values()
    )


def failures(recording: Any) -> list[str]:
    """A sentence for each measurement and each lane that failed, the traceback left out."""
    kinds: dict[tuple[str, str], list[Any]] = {}
    for event in recording.events:
        if event.kind == "failed":
            name = event.data.get("measurement", "")
            kinds.setdefault((name, "" if name else event.lane), []).append(event)
    found = []
    for (name, _), (first, *others) in kinds.items():
        lane = f"lane {first.lane!r}" if first.lane else "all lanes"
        what = f"{name} failed for {lane}" if name else f"{lane} failed"
        again = f" and {len(others)} more time{'s' if len(others) > 1 else ''}" if others else ""
        found.append(f"{what} at step {first.step:,}{again}: {first.data['message']}")
    return found


def assign(data: dict[str, Any], key: str, value: Any) -> None:
    """Put a value into an experiment's data: `steps`, `problem.a`, `lanes.adam.lr`.

    Lanes and probes are found by name, or by their number from 0.

    Raises:
        ValueError: no such place.
    """
    *path, last = key.split(".")
    place: Any = data
    for number, part in enumerate(path):
        if number == 0 and part == "problem" and isinstance(data["problem"], str):
            data["problem"] = {"name": data["problem"]}
        if isinstance(place, list):
            place = _item(place, part, path[0])
        elif isinstance(place.get(part), Mapping | list):
            place = place[part]
        elif part in place:
            raise ValueError(f"{part!r} has no parts")
        else:
            raise ValueError(f"there is no {part!r} with parts{did_you_mean(part, place)}")
    if isinstance(place, list):
        raise ValueError(f"KEY is needed after the name, as in {path[0]}.{last}.KEY=VALUE")
    place[last] = value


def _free(out: Path) -> Path:
    """Where the recording grows; what an earlier run left behind when it was killed stays."""
    names = itertools.chain([UNFINISHED], (f"{UNFINISHED}-{i}" for i in itertools.count(2)))
    return next(path for name in names if not (path := out / f"{name}.lab").exists())


def _item(items: list[dict], name: str, kind: str) -> dict:
    """The lane or probe of a name, or of a number."""
    named = {item["name"]: item for item in items}
    if name in named:
        return named[name]
    if name.isdigit() and int(name) < len(items):
        return items[int(name)]
    known = ", ".join(named) or "none"
    raise ValueError(
        f"no {kind.removesuffix('s')} is called {name!r}{did_you_mean(name, named)}; known: {known}"
    )


def _advance(session: Any, line: Line) -> bool:
    """Run to the end, or until Ctrl+C; whether it was stopped."""
    from lab.engine.device import threads

    begin = time.monotonic()

    def progress(step: int, last: int) -> None:
        pace = step / max(1e-9, time.monotonic() - begin)
        line.show(f"{100 * step / max(1, last):3.0f} %  step {step:,} of {last:,}  {pace:,.0f}/s")
        if pressed:
            raise KeyboardInterrupt

    with threads(session.threads), _first_interrupt_waits() as pressed:
        try:
            session.run(progress)
        except KeyboardInterrupt:
            if len(pressed) > 1:
                raise  # not between two steps: the file has everything up to the last second
            session.keep()
            return True
    return False


@contextlib.contextmanager
def _first_interrupt_waits() -> Iterator[list[int]]:
    """Ctrl+C only leaves a note, so that the run stops between two steps; a second one stops it."""
    pressed: list[int] = []

    def note(number: int, frame: Any) -> None:
        pressed.append(number)
        if len(pressed) > 1:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, note)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)

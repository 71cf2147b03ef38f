"""What passes between the window's thread and the engine's: plain, immutable things."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple


class Command(NamedTuple):
    """Something the engine is to do.

    Attributes:
        name: one of the engine's commands.
        args: its arguments.
        key: while it waits, a newer command of the same key replaces this one; empty for none.
        number: given when it is posted; the answer carries the command.
    """

    name: str
    args: tuple = ()
    key: tuple = ()
    number: int = 0


class Happened(NamedTuple):
    """Something the window must not miss.

    Attributes:
        kind: "done" or "refused" for commands, "event" for what happened in a session, "trouble"
            for what went wrong in the engine itself.
        command: the command that is answered, None for the others.
        value: the command's value, the `Event`, or one sentence that says what was wrong.
        details: a traceback, where there is one.
    """

    kind: str
    command: Command | None
    value: Any
    details: str = ""


class JobState(NamedTuple):
    """The measurement under way, and how many there are with it.

    Attributes:
        name: what its result will be called.
        lane: the lane it looks at.
        done: from 0 to 1.
        count: how many wait or are under way.
        left: seconds of work that are left, None where nobody knows.
        cost: what the whole takes, in words; empty where nobody knows.
    """

    name: str
    lane: str
    done: float
    count: int
    left: float | None = None
    cost: str = ""


class Partial(NamedTuple):
    """What is known of a measurement that was asked for.

    Attributes:
        done: from 0 to 1; 1 is the final result.
        value: the result so far.
    """

    done: float
    value: Any


class Trouble(NamedTuple):
    """The result of a measurement that failed: one sentence, and the traceback."""

    sentence: str
    details: str


class Frame(NamedTuple):
    """What the window should show now; a newer one replaces it.

    Attributes:
        session: number of the present session, 0 for none.
        recording: its recording.
        position: the step of the play head.
        head: the step that all lanes have reached.
        target: where the run ends.
        readonly: whether the recording can be looked at only.
        playing: whether the play head moves.
        steps_per_second: how fast it moved of late.
        load: share of time in which the engine was at work, 0 to 1.
        cost: seconds spent on "steps" and on each measurement.
        job: the measurement under way.
        asked: key of a measurement asked for that waits or is under way -> how far it is.
        partials: key of a measurement asked for -> `Partial`.
    """

    session: int = 0
    recording: Any = None
    position: int = 0
    head: int = 0
    target: int = 0
    readonly: bool = False
    playing: bool = False
    steps_per_second: float = 0.0
    load: float = 0.0
    cost: Mapping[str, float] = MappingProxyType({})
    job: JobState | None = None
    asked: Mapping[tuple, JobState] = MappingProxyType({})
    partials: Mapping[tuple, Any] = MappingProxyType({})

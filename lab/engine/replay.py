"""A recording without an engine behind it: it can be looked at, not continued."""

from typing import Any

from lab.engine.jobs import Job, Jobs
from lab.engine.messages import Trouble
from lab.engine.recording import Recording

_REFUSED = (
    "this recording can be looked at but not continued: it was made with entries or a device that "
    "are not here"
)


class Replay:
    """Stands where a session would, for a recording that cannot be continued here."""

    threads = 1

    def __init__(self, recording: Recording):
        """Show a recording."""
        self.recording = recording
        self.jobs = Jobs(self._finished, self._failed)
        self.cost: dict[str, float] = {}

    @property
    def head(self) -> int:
        """The last step on record."""
        return max(0, self.recording.head)

    @property
    def front(self) -> int:
        """The last step on record."""
        return self.head

    @property
    def target(self) -> int:
        """Where playing ends: nothing can be added."""
        return self.head

    def advance(self, target: int | None = None, seconds: float = float("inf")) -> bool:
        """Nothing can be computed; tells that there is nothing more to do."""
        return False

    def keep(self) -> None:
        """Nothing is new."""

    def ask(self, job: Job) -> None:
        """Queue work that only reads the recording: an export."""
        if job.record is not None:
            raise ValueError(_REFUSED)
        self.jobs.ask(job)

    def _finished(self, job: Job, result: Any) -> None:
        job.share(job.key, 1.0, result)

    def _failed(self, job: Job, message: str, details: str) -> None:
        job.share(job.key, 1.0, Trouble(message, details))

    def __getattr__(self, command: str) -> None:
        """Refuse every command that would change something.

        Raises:
            ValueError: always.
        """
        if command.startswith("__"):
            raise AttributeError(command)
        raise ValueError(_REFUSED)

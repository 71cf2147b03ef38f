"""Which numbers of a recording are drawn along the run, and why there may be none. Qt-free."""

from typing import Any

from lab.gui.views.tracked import Quantity, Tracked, probes, quantities, series_of

LISTED = 9  # measurements that are named where nothing was chosen


class Choice:
    """One quantity that leads, others beside it, and their axes; `settle` comes first.

    Attributes:
        lead: what is drawn in the first place; None while nothing can be.
        whole: whether the others of its measurement stand beside it, and nothing else.
    """

    def __init__(self, tracked: Tracked):
        """Nothing is chosen yet.

        Args:
            tracked: what the recording holds.
        """
        self.lead: Quantity | None = None
        self.whole = True
        self._tracked = tracked
        self._recording: Any = None
        self._by_hand = ""  # a probe that was chosen although nothing plans it
        self._others: list[Quantity] = []  # beside the lead where that is not the whole
        self._logs: dict[Quantity, bool] = {}  # where the user decided

    def settle(self, recording: Any) -> None:
        """Keep what is chosen while there is any of it; else take what is measured."""
        self._recording = recording
        offered = self.offered()
        if self.lead is None or self.lead.probe not in [*offered, self._by_hand]:
            planned = [plan.name for plan in recording.experiment.probes]
            first = [*(name for name in planned if name in offered), *offered]
            first.sort(key=lambda name: probes()[name].family == "Loss")  # it has its own panel
            self.lead = quantities(first[0])[0] if first else None
        if self.lead is None or self.lead.probe == self._by_hand or self.is_there(self.lead):
            return
        there = [q for q in quantities(self.lead.probe) if self.is_there(q)]
        self.lead = there[0] if there else self.lead

    def choose(self, quantity: Quantity) -> None:
        """Draw a quantity in the first place."""
        self._by_hand = "" if quantity.probe in self.offered() else quantity.probe
        self.lead = quantity

    def offered(self) -> list[str]:
        """The probes with tracks that are planned or on record."""
        planned = {plan.name for plan in self._recording.experiment.probes}
        return [name for name in probes() if name in planned or self._tracked.is_on_record(name)]

    def others(self) -> list[str]:
        """The probes with tracks that could be measured by hand."""
        return [name for name in probes() if name not in self.offered() and not self.unfit(name)]

    def is_there(self, quantity: Quantity) -> bool:
        """Whether any result has a quantity; while there is no result, it may yet come."""
        if quantity.probe not in probes():
            return False
        if not self._tracked.is_on_record(quantity.probe):
            return True
        lanes = [*self._recording.lanes, ""]
        return any(self._tracked.numbers(quantity, x, self._recording) is not None for x in lanes)

    def beside(self) -> list[Quantity]:
        """What stands beside the lead where there is room."""
        chosen = quantities(self.lead.probe) if self.whole else self._others
        return [q for q in chosen if q != self.lead and self.is_there(q)]

    def turn_beside(self, quantity: Quantity) -> None:
        """Put a quantity beside the lead, or away."""
        now = self.beside()
        kept = [q for q in now if q != quantity]
        self._others = kept if quantity in now else [*kept, quantity]
        self.whole = False

    def is_log(self, quantity: Quantity) -> bool:
        """Whether a logarithmic axis is wanted."""
        return self._logs.get(quantity, series_of(quantity).log)

    def set_log(self, log: bool) -> None:
        """Say whether the lead's axis is logarithmic."""
        self._logs[self.lead] = log

    def unfit(self, probe: str) -> str:
        """Why a probe cannot measure this problem; empty if it can."""
        return self._recording.header["problem"]["unfit"].get(probe, "")

    def why_empty(self) -> str:
        """Why there is nothing of what was chosen, and how to get it."""
        if self.lead is None:
            return self._what_could_be()
        entry = probes()[self.lead.probe]
        if reason := self.unfit(self.lead.probe):
            return f"{entry.title}: {reason}."
        if entry.factory.by_hand:
            return f"“{entry.title}” takes long, and is measured when it is asked for."
        return (
            f"“{entry.title}” is not measured along this run: tick it under “Measure while "
            "running”, or measure at this step."
        )

    def _what_could_be(self) -> str:
        fit = [entry.title for name, entry in probes().items() if not self.unfit(name)]
        more = ", …" if len(fit) > LISTED else ""
        names = ", ".join(title[0].lower() + title[1:] for title in fit[:LISTED])
        return (
            "Numbers that are measured along the run appear here: tick one under “Measure while "
            f"running” ({names}{more}), or choose one above and measure at this step."
        )

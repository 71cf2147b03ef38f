"""The registry of problems, losses, optimizers and probes.

An entry is a dataclass whose fields are knobs; `@register` puts it here. Built-in entries register
when their package is first asked for; other people's come by entry points (`lab.problems`,
`lab.losses`, `lab.optimizers`, `lab.probes`). One that fails to load stays visible with its reason.
"""

import contextlib
import importlib
import importlib.metadata
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from lab.engine.knobs import KnobField, check_keys, did_you_mean, knob_fields

KINDS = ("problem", "loss", "optimizer", "probe")

_BUILT_IN = {
    "problem": "lab.engine.problems",
    "loss": "lab.engine.losses",
    "optimizer": "lab.engine.optimizers",
    "probe": "lab.engine.probes",
}
_entries: dict[str, dict[str, "Entry"]] = {kind: {} for kind in KINDS}
_resolvers: dict[str, Callable[[str], "Entry | None"]] = {}
_loaded: set[str] = set()
_accept_unknown: ContextVar[bool] = ContextVar("accept_unknown", default=False)


@dataclass(frozen=True)
class Entry:
    """One line of the catalogue.

    Attributes:
        kind: one of KINDS.
        name: the key used in code, on the command line and in files.
        title: the name as people write it.
        summary: one sentence.
        formula: the rule or function in LaTeX, empty where there is none.
        paper: authors, year and identifier of the source.
        knobs: its hyper-parameters.
        factory: the dataclass behind it, or None if it could not be loaded.
        family: a word to group by in menus.
        error: why it cannot be used, empty if it can.
    """

    kind: str
    name: str
    title: str
    summary: str
    formula: str
    paper: str
    knobs: tuple[KnobField, ...]
    factory: type | None
    family: str = ""
    error: str = ""

    def check(self, knobs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the full set of knob values: the given ones checked, the others at their default.

        Raises:
            ValueError: an unknown knob or a value out of range.
        """
        if self.error:
            return dict(knobs)
        check_keys(knobs, [field.name for field in self.knobs])
        return {
            field.name: check_knob(field, knobs[field.name])
            if field.name in knobs
            else field.default
            for field in self.knobs
        }

    def make(self, **knobs: Any) -> Any:
        """Build the object with these knobs.

        Raises:
            ValueError: an unknown knob, a value out of range, or an entry that failed to load.
        """
        if self.error:
            raise ValueError(f"{self.kind} {self.name!r} cannot be used: {self.error}")
        return self.factory(**self.check(knobs))


@dataclass(frozen=True)
class Choice:
    """A catalogue entry by name, with the values of all its knobs."""

    kind: str
    name: str
    knobs: Mapping[str, Any]

    def entry(self) -> Entry:
        """The catalogue's entry of that name."""
        return find(self.kind, self.name)

    def make(self) -> Any:
        """Build the object that is chosen.

        Raises:
            ValueError: the entry cannot be used here.
        """
        return self.entry().make(**self.knobs)

    def changed(self) -> dict[str, Any]:
        """The knobs that differ from their defaults: what a file needs to say."""
        defaults = {field.name: field.default for field in self.entry().knobs}
        return {
            key: value.to_data() if isinstance(value, Choice) else value
            for key, value in self.knobs.items()
            if key not in defaults or value != defaults[key]
        }

    def to_data(self) -> str | dict[str, Any]:
        """Plain data for a file: the name alone, or a table where knobs differ from defaults."""
        changed = self.changed()
        return {"name": self.name, **changed} if changed else self.name


def choose(kind: str, value: Any) -> Choice:
    """Make a Choice of a name, a table `{name = ..., knob = ...}`, a Choice or a made object.

    Raises:
        ValueError: an unknown name or knob, or a value that is none of these.
    """
    if isinstance(value, Choice):
        return value
    if isinstance(getattr(value, "choice", None), Choice):
        return value.choice
    if isinstance(value, str):
        value = {"name": value}
    if not isinstance(value, Mapping) or not isinstance(value.get("name"), str):
        raise ValueError(f"{kind} = {value!r}: the name of a {kind} is needed")
    knobs = {key: item for key, item in value.items() if key != "name"}
    entry = find(kind, value["name"])
    with located(f"{kind} {entry.name!r}"):
        return Choice(kind, entry.name, MappingProxyType(entry.check(knobs)))


def check_knob(field: KnobField, value: Any) -> Any:
    """Check one value; a knob that holds another catalogue entry yields a Choice."""
    return choose(field.knob.kind, value) if field.knob.kind else field.check(value)


@contextlib.contextmanager
def located(where: str) -> Iterator[None]:
    """Put the place in front of any ValueError that leaves the block."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def register(
    kind: str,
    name: str,
    *,
    title: str = "",
    formula: str = "",
    paper: str = "",
    family: str = "",
) -> Callable[[type], type]:
    """Enter a dataclass of knobs into the catalogue under a name.

    Args:
        kind: one of KINDS.
        name: the key; lower case, words joined by underscores.
        title: the name as people write it; made from the key if not given.
        formula: LaTeX.
        paper: the source.
        family: a word to group by.

    Returns:
        The class itself, with its entry's name as `catalogue_name`.
    """

    def enter(cls: type) -> type:
        summary = " ".join((cls.__doc__ or "").strip().split("\n\n")[0].split())
        cls.catalogue_name = name
        _entries[kind][name] = Entry(
            kind,
            name,
            title or name.replace("_", " ").capitalize(),
            summary,
            formula,
            paper,
            knob_fields(cls),
            cls,
            family,
        )
        return cls

    return enter


def resolver(kind: str) -> Callable[[Callable], Callable]:
    """Let a function make entries for names that are not listed (import paths, files)."""

    def enter(function: Callable[[str], Entry | None]) -> Callable:
        _resolvers[kind] = function
        return function

    return enter


def catalogue(kind: str) -> Mapping[str, Entry]:
    """All entries of a kind: "problem", "loss", "optimizer" or "probe".

    Raises:
        ValueError: no such kind.
    """
    if kind not in KINDS:
        raise ValueError(
            f"kind = {kind!r} is not known{did_you_mean(kind, KINDS)}; allowed: {', '.join(KINDS)}"
        )
    if kind not in _loaded:
        importlib.import_module(_BUILT_IN[kind])
        _loaded.add(kind)
        _load_plugins(kind)
    return MappingProxyType(_entries[kind])


def find(kind: str, name: str) -> Entry:
    """The entry of that name.

    Raises:
        ValueError: no such entry; the nearest name is suggested.
    """
    entries = catalogue(kind)
    if name in entries:
        return entries[name]
    if kind in _resolvers:
        entry = _resolvers[kind](name)
        if entry is not None:
            return entry
    if _accept_unknown.get():
        return Entry(kind, name, name, "", "", "", (), None, error="it is not installed here")
    listed = (
        f"; `landscape-lab list {kind}s` lists all"
        if len(entries) > 8
        else (f"; known: {', '.join(entries)}")
    )
    raise ValueError(f"no {kind} is called {name!r}{did_you_mean(name, entries)}{listed}")


@contextlib.contextmanager
def accept_unknown() -> Iterator[None]:
    """Inside, unknown names give entries that can be shown but not run (files made elsewhere)."""
    token = _accept_unknown.set(True)
    try:
        yield
    finally:
        _accept_unknown.reset(token)


def _load_plugins(kind: str) -> None:
    """Import the entry points of other packages; a failure becomes a greyed entry."""
    for point in importlib.metadata.entry_points(
        group=f"lab.{kind}s" if kind != "loss" else "lab.losses"
    ):
        try:
            point.load()
        except Exception as error:
            reason = f"its package {point.module!r} failed to load: {error}"
            _entries[kind][point.name] = Entry(
                kind, point.name, point.name, "", "", "", (), None, error=reason
            )

"""An Experiment: plain data that says what is run. Two are equal exactly when their TOML is equal.

The window edits it, the command line reads it, an exported script prints it; nothing here computes.
"""

import itertools
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import tomli_w

from lab.engine.catalogue import Choice, accept_unknown, choose, located
from lab.engine.knobs import Knob, check_keys, knob_fields
from lab.engine.plan import Lane, ProbePlan

FORMAT = 1


@dataclass(frozen=True)
class Experiment:
    """What is run: a problem, lanes of optimizers, and what is measured along the way.

    Attributes:
        problem: a Choice from the catalogue, or a problem object (which no file can hold).
        lanes: the optimizers, each with a unique name.
        probes: what is measured along the way.
        steps: where the run ends.
        seed: the seed of every random stream.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".
        dtype: "float32" or "float64".
        title: a name for people.

    Example:
        >>> Experiment("rosenbrock", [Lane("adam", lr=0.01)], steps=30).lanes[0].name
        'adam'
    """

    problem: Any
    lanes: tuple[Lane, ...] = ()
    probes: tuple[ProbePlan, ...] = ()
    steps: Annotated[int, Knob(0, 1_000_000_000, doc="where the run ends")] = 200
    seed: Annotated[int, Knob(0, 2**31 - 1, doc="seed of every random stream")] = 0
    device: Annotated[str, Knob(doc="auto, cpu, cuda, cuda:1 or mps")] = "auto"
    dtype: Annotated[str, Knob(doc="float32 or float64")] = "float32"
    title: Annotated[str, Knob(doc="a name for people")] = ""

    def __post_init__(self):
        """Check all fields; accept names, tables and lists for them; name the lanes.

        Raises:
            ValueError: a value that is not allowed.
        """
        put = object.__setattr__
        for item in knob_fields(Experiment):
            put(self, item.name, item.check(getattr(self, item.name)))
        if self.device.partition(":")[0] not in ("auto", "cpu", "cuda", "mps"):
            raise ValueError(f"device = {self.device!r}: auto, cpu, cuda or mps is needed")
        if self.dtype not in ("float32", "float64"):
            raise ValueError(f"dtype = {self.dtype!r}: float32 or float64 is needed")
        put(self, "problem", _problem(self.problem))
        lanes = [self.lanes] if isinstance(self.lanes, str | Lane) else self.lanes
        put(self, "lanes", _named([Lane(x) if isinstance(x, str) else x for x in lanes]))
        probes = [self.probes] if isinstance(self.probes, str | ProbePlan) else self.probes
        put(self, "probes", tuple(ProbePlan(x) if isinstance(x, str) else x for x in probes))
        _check_branches(self.lanes)

    def lane(self, name: str) -> Lane:
        """The lane of that name.

        Raises:
            ValueError: no such lane.
        """
        for lane in self.lanes:
            if lane.name == name:
                return lane
        raise ValueError(f"no lane is called {name!r}: {', '.join(x.name for x in self.lanes)}")

    def with_lane(self, lane: Lane) -> "Experiment":
        """The same experiment with the lane of that name replaced, or added at the end."""
        if any(lane.name == other.name for other in self.lanes):
            lanes = tuple(lane if x.name == lane.name else x for x in self.lanes)
        else:
            lanes = (*self.lanes, lane)
        return replace(self, lanes=lanes)

    def free_name(self, wish: str) -> str:
        """A lane name nobody has yet: the wish itself, or wish-2, wish-3 and so on."""
        return _free_name(wish, {lane.name for lane in self.lanes})

    def without_object(self) -> "Experiment":
        """The same experiment with a problem that is a Python object replaced by its name."""
        if isinstance(self.problem, Choice):
            return self
        with accept_unknown():
            return replace(self, problem=f"({type(self.problem).__name__})")

    def to_data(self) -> dict[str, Any]:
        """Plain data for a file.

        Raises:
            ValueError: the problem is a Python object that no file can hold.
        """
        if not isinstance(self.problem, Choice):
            raise ValueError(
                "this experiment's problem is a Python object, which a file cannot hold; register "
                "it in the catalogue, or name the .py file that makes it"
            )
        data = {"format": FORMAT}
        for item in knob_fields(Experiment):
            value = getattr(self, item.name)
            if item.name != "title" or value:
                data[item.name] = value
        data["problem"] = self.problem.to_data()
        data["lanes"] = [lane.to_data() for lane in self.lanes]
        if self.probes:
            data["probes"] = [plan.to_data() for plan in self.probes]
        return data

    def to_toml(self) -> str:
        """The experiment as TOML text.

        Raises:
            ValueError: the problem is a Python object that no file can hold.
        """
        return tomli_w.dumps(self.to_data())

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> "Experiment":
        """The inverse of `to_data`.

        Raises:
            ValueError: a missing, unknown or wrong entry; the message names its place.
        """
        plain = [item.name for item in knob_fields(cls)]
        check_keys(data, ["format", *plain, "problem", "lanes", "probes"])
        version = data.get("format", FORMAT)
        if version != FORMAT:
            raise ValueError(f"format = {version!r}: this version of the lab reads format {FORMAT}")
        if "problem" not in data:
            raise ValueError("problem = '...' is needed")
        for key in ("lanes", "probes"):
            if not isinstance(data.get(key, []), list):
                raise ValueError(f"{key} = {data[key]!r}: a list of tables is needed ([[{key}]])")
        lanes = []
        for number, item in enumerate(data.get("lanes", [])):
            with located(f"lanes[{number}]"):
                lanes.append(Lane.from_data(item))
        probes = []
        for number, item in enumerate(data.get("probes", [])):
            with located(f"probes[{number}]"):
                probes.append(ProbePlan.from_data(item))
        values = {key: data[key] for key in plain if key in data}
        return cls(data["problem"], tuple(lanes), tuple(probes), **values)

    @classmethod
    def from_toml(cls, text: str) -> "Experiment":
        """Read TOML text.

        Raises:
            ValueError: text that is not TOML, or an entry that is wrong.
        """
        try:
            data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ValueError(f"not valid TOML: {error}") from error
        return cls.from_data(data)

    @classmethod
    def load(cls, path: str | Path) -> "Experiment":
        """Read a TOML file; a relative .py problem is looked for beside it.

        Raises:
            ValueError: an unreadable file, or an entry that is wrong; the message names the file.
        """
        path = Path(path)
        with located(path.name):
            try:
                text = path.read_text(encoding="utf-8")
            except OSError as error:
                raise ValueError(f"cannot be read: {error.strerror}") from error
            except UnicodeDecodeError as error:
                raise ValueError("is not a text file") from error
            return cls.from_toml(text)


def _problem(value: Any) -> Any:
    """A Choice for names, tables, files and catalogue objects; other objects as they are."""
    if isinstance(value, str) and value.endswith(".py"):
        value = {"name": "file", "path": value}
    if isinstance(value, str | Mapping | Choice) or getattr(value, "choice", None) is not None:
        return choose("problem", value)
    if not hasattr(value, "evaluate"):
        raise ValueError(
            f"problem = {value!r}: a name of the catalogue, a file or a lab.problem(...) is needed"
        )
    return value


def _named(lanes: Iterable[Lane]) -> tuple[Lane, ...]:
    """Give every lane a unique name, in order: adam, adam-2 and so on."""
    named: list[Lane] = []
    taken = {lane.name for lane in lanes if lane.name}
    if len(taken) < sum(bool(lane.name) for lane in lanes):
        raise ValueError("two lanes have the same name")
    for lane in lanes:
        if not lane.name:
            lane = lane.renamed(_free_name(lane.optimizer.rpartition(".")[2], taken))
            taken.add(lane.name)
        named.append(lane)
    return tuple(named)


def _free_name(wish: str, taken: Iterable[str]) -> str:
    numbers = itertools.chain([wish], (f"{wish}-{number}" for number in itertools.count(2)))
    return next(name for name in numbers if name not in taken)


def _check_branches(lanes: tuple[Lane, ...]) -> None:
    before: dict[str, Lane] = {}
    for lane in lanes:
        if lane.branch_of:
            if lane.branch_of not in before:
                raise ValueError(
                    f"lane {lane.name!r}: branch_of = {lane.branch_of!r} is no earlier lane"
                )
            if lane.total_runs != before[lane.branch_of].total_runs:
                raise ValueError(
                    f"lane {lane.name!r} has {lane.total_runs} runs, its parent "
                    f"{lane.branch_of!r} {before[lane.branch_of].total_runs}"
                )
        before[lane.name] = lane

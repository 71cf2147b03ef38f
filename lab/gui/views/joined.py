"""What lies between two runs: ways to look at it, and what is said of results. Qt-free."""

from typing import Any, NamedTuple

from lab.gui.views.words import short

Run = tuple[str, int]  # lane and number


class Way(NamedTuple):
    """A way to look at what lies between two ends.

    Attributes:
        kind: what the engine is asked for.
        result: the name of what it answers.
        tip: what it is.
        empty: what will appear, and how to get it.
        quick: whether it is cheap enough to be asked for with the choice of a run.
    """

    kind: str
    result: str
    tip: str
    empty: str
    quick: bool = False


WAYS = {  # by the words on the switch
    "line": Way(
        "line",
        "connectivity",
        "The straight line between the two ends, as trained and with hidden units matched",
        "The loss on the straight line between two runs appears here: choose them above, or "
        "measure at this step.",
        quick=True,
    ),
    "layers": Way(
        "layers",
        "layer_paths",
        "One layer after the other on that line: which of them make the barrier",
        "The barrier of each layer alone appears here: choose two runs above, and measure.",
        quick=True,
    ),
    "curve": Way(
        "curve",
        "curve_path",
        "A Bézier curve of low loss between the two ends, trained in the background",
        "A curve of low loss between two runs appears here: choose them above, and measure. "
        "It is trained in the background.",
    ),
    "ridge": Way(
        "ridge",
        "ridge",
        "The plane through both ends and the point where they parted: mountainside and ridge",
        "The plane through two ends and the point where they parted appears here: choose a "
        "lane and its branch, or two lanes of one start, and measure.",
    ),
}


def ends(found: Any) -> tuple[Run, Run]:
    """The runs that a result joins."""
    return (found.info["lane_a"], found.info["run_a"]), (found.info["lane_b"], found.info["run_b"])


def places(found: Any) -> list[tuple[str, int, int]]:
    """The same with the step of each."""
    steps = (found.info.get(f"step_{end}", found.step) for end in "ab")
    return [(*run, step) for run, step in zip(ends(found), steps, strict=True)]


def is_at_one_step(found: Any) -> bool:
    """Whether both ends of a result are at its step."""
    return {step for _, _, step in places(found)} == {found.step}


def pair(found: Any) -> frozenset[Run]:
    """By what results are told apart: their ends, whichever comes first."""
    return frozenset(ends(found))


def metrics(found: Any) -> list[str]:
    """What a path has besides the loss, such as accuracy."""
    names = [name for name in found.arrays if not name.startswith(("matched_", "line_"))]
    return [name for name in names if name not in ("t", "loss", "bends")]


def about(found: Any, mode: str) -> list[str]:
    """What is known of a result, for the line of the card, the most important first."""
    if found is None:
        return []
    steps = {step for _, _, step in places(found)}
    words = [f"step {found.step}" if len(steps) == 1 else "held ends"]
    told = found.info
    if mode == "ridge":
        words += [f"off-plane up to {short(told['off_plane'])}", f"angle {told['angle']:.0f}°"]
        words += [f"barrier {short(told['barrier'])}"]
    if mode == "curve":
        words += [f"{told['trained']:,} training steps", f"length {short(told['length'])}"]
    if mode != "layers":
        words += [f"distance {short(told['distance'])}"]
    if mode == "line" and "angle_branch" in told:
        words += [f"angle since step {told['branch_step']:,}: {told['angle_branch']:.0f}°"]
    elif mode == "line" and "angle_start" in told:
        words += [f"angle at the start {told['angle_start']:.0f}°"]
    if mode == "line" and "from_ends" in told:
        words += [f"second-order predictor {short(told['from_ends'])} from the ends"]
    if "evaluations" in told:
        words += [f"{told['evaluations']:,} evaluations"]
    return [*words, told.get("unmatched", "")]

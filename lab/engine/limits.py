"""How much curvature a step size can stand: the line that spectra are drawn against."""

from typing import Any, NamedTuple

CORNERS = 200  # of a limit that follows a schedule
FAR = 2.5  # a limit beyond this many times the largest eigenvalue is named, not drawn
GRADIENT_RULES = ("sgd", "momentum", "nesterov", "sum_of_losses", "torch.optim.SGD")


class Limit(NamedTuple):
    """The largest curvature at which a rule's steps do not grow.

    Attributes:
        value: of the eigenvalue.
        formula: what it is made of, in the letters of the knobs.
    """

    value: float
    formula: str


def velocity_gain(momentum: Any, share: Any = 1.0, *, ahead: bool = False) -> Any:
    """What a velocity passes on of a gradient whose sign alternates from step to step.

    With v' = μv + (1 - τ)g it is (1 - τ) / (1 + μ); with the step along g + μv' (Nesterov's
    look-ahead) 1 + μ(1 - τ) / (1 + μ). It is the momentum's transfer function at -1, and a step
    x' = x - ηv' along a curvature λ grows where ηλ times it exceeds 2: Cohen et al. 2021 (arXiv
    2103.00065, section 2 and appendix B) give both for τ = 0.

    Args:
        momentum: μ, a number or a tensor.
        share: 1 - τ, the part of each gradient that enters the velocity.
        ahead: whether the step looks ahead.

    Returns:
        A number or a tensor, as given.
    """
    passed = share / (1 + momentum)
    return 1 + momentum * passed if ahead else passed


def average_gain(beta: Any) -> Any:
    """The same of a moving average m' = βm + (1 - β)g: (1 - β) / (1 + β).

    Cohen et al. 2022, arXiv 2207.14484, section 2.
    """
    return (1 - beta) / (1 + beta)


def limit(spec: Any, step: int, run: int = 0) -> Limit | None:
    """The limit of a lane's run at a step: 2/η, and what momentum and weight decay make of it.

    Weight decay that is added to the gradient is curvature too, and leaves so much less for the
    loss. For rules that scale the gradient the Hessian alone does not tell, and 2/η is drawn for
    want of a better line; `Rule.response` knows theirs. A rule that gives a reason why no curvature
    limits its steps, `Rule.no_limit`, has none.

    Args:
        spec: the lane.
        step: for the values of its live knobs.
        run: for the values of its swept knobs.

    Returns:
        The limit, None for a rule without one, or without a learning rate.
    """
    now = _knobs(spec, step, run)
    lr = now.get("lr")
    if not isinstance(lr, int | float) or not lr > 0:
        return None
    if spec.optimizer not in GRADIENT_RULES:
        return None if getattr(spec.entry.factory, "no_limit", "") else Limit(2 / lr, "2/η")
    momentum, decay = now.get("momentum", 0), added_decay(spec, step, run)
    share = 1 - now.get("dampening", 0) if momentum else 1
    ahead = spec.optimizer == "nesterov" or now.get("nesterov", False)
    gain = velocity_gain(momentum, share, ahead=bool(ahead))
    if gain <= 0:
        return None
    formula = velocity_formula(momentum=momentum, share=share, ahead=bool(ahead))
    return Limit(2 / (gain * lr) - decay, f"{formula} − λ" if decay else formula)


def added_decay(spec: Any, step: int, run: int = 0) -> float:
    """The weight decay that a lane's run adds to the gradient at a step: arguments as of `limit`.

    It is known of rules that step along the gradient, and 0 for others.
    """
    if spec.optimizer not in GRADIENT_RULES:
        return 0.0
    return float(_knobs(spec, step, run).get("weight_decay", 0.0))


def velocity_formula(*, momentum: Any, share: Any, ahead: bool) -> str:
    """The limit of a rule with a velocity, in the letters of its knobs."""
    if not momentum:
        return "2/η"
    return {
        (False, True): "2(1+μ)/η",
        (True, True): "2(1+μ)/(1+2μ)η",
        (False, False): "2(1+μ)/(1−τ)η",
        (True, False): "2(1+μ)/(1+2μ−μτ)η",
    }[ahead, share == 1]


def limits_along(spec: Any, steps: list[int], run: int = 0) -> tuple[list[int], list[float]]:
    """The limit over a stretch of steps, as corners of a line with a jump at every change.

    Args:
        spec: the lane.
        steps: first and last step.
        run: which run.

    Returns:
        Steps and values; both empty for a rule without a learning rate.
    """
    first, last = steps
    turns = [change.step for change in spec.changes if first < change.step <= last]
    if spec.lr_schedule is not None:  # a corner at every step would be too many
        turns = sorted({*turns, *range(first + 1, last, max(1, (last - first) // CORNERS))})
    xs, ys = [], []
    for begin, end in zip([first, *turns], [*turns, last], strict=True):
        found = limit(spec, begin, run)
        if found is None:  # no learning rate, or a schedule that has come to zero
            continue
        xs += [begin, end]
        ys += [found.value] * 2
    return xs, ys


def _knobs(spec: Any, step: int, run: int) -> dict[str, Any]:
    """The values that hold for one run at a step, the schedule's among them."""
    knobs, swept = spec.knobs_at(step), spec.knobs_of(run)
    now = {key: swept[key] if isinstance(v, tuple) else v for key, v in knobs.items()}
    scheduled = spec.scheduled_at(step)
    if scheduled:
        now |= {**scheduled, "lr": now["lr"] * scheduled["lr"]}
    return now


def is_of_hessian(found: Any) -> bool:
    """Whether a result of the probe `hessian_spectrum` is of the whole Hessian.

    It may also be of another matrix, or of one layer's block: those have no limit of this kind.
    """
    return kind_of(found) == ("hessian", "")


def kind_of(found: Any) -> tuple[str, str]:
    """Of which matrix a result of `hessian_spectrum` is, and the tensor whose block it is."""
    return found.info.get("operator", "hessian"), found.info.get("layer", "")

"""Neural collapse: how far last-layer features and weights are from a simplex.

Source: Papyan, Han & Donoho 2020 for the phenomenon; the measures as in Dang et al. 2023, "Neural
collapse in deep linear networks", ICML, and its published program; the fourth measure as in Papyan,
Han & Donoho. Where classes are of different sizes, vectors go to orthogonal ones of different
lengths (Dang et al., theorems on imbalanced data); the lengths are then handed over.
"""

from dataclasses import dataclass
from typing import Any

import torch

from lab.engine.analysis.base import Progress, Steps, analysis
from lab.engine.knobs import check_name
from lab.engine.userarrays import as_tensor

FRAMES = ("simplex", "orthogonal")


@dataclass(frozen=True)
class NeuralCollapse:
    """Three distances from collapse, all 0 when it is complete, and an agreement, then 1.

    Attributes:
        nc1: variability within classes against that between them, tr(S_W pinv(S_B)) / K.
        nc2: Frobenius distance of the weights' Gram matrix from the frame's, both of norm 1.
        nc3: the same of weights times class means.
        nc2_features: the same of the class means' Gram matrix.
        nc4: part of the samples for which the last layer's largest score belongs to the class of
            the nearest class mean.
        imbalance: samples of the largest class over those of the smallest, 1 for a balanced set.
    """

    nc1: float
    nc2: float
    nc3: float
    nc2_features: float
    nc4: float
    imbalance: float


@analysis
def neural_collapse(
    features: Any,
    labels: Any,
    weight: Any,
    frame: str = "simplex",
    bias: Any = None,
    lengths: Any = None,
) -> Steps[NeuralCollapse]:
    """Measure neural collapse.

    Args:
        features: (N, d), what the last layer sees.
        labels: (N,), classes 0 to K - 1, each at least once.
        weight: (K, d), the last layer's.
        frame: "simplex" for a layer with bias: class means about their mean, frame I - 11'/K;
            "orthogonal" for one without: class means as they are, frame I.
        bias: (K,), what is added to the scores; nothing if not given. It matters to nc4 alone.
        lengths: a pair of arrays (K,), the lengths that the rows of the weight and the class means
            of an orthogonal frame go to, up to a common factor each; all alike if not given.

    Returns:
        `.nc1`, `.nc2`, `.nc3`, `.nc2_features`, `.nc4`, computed in double precision.

    Raises:
        ValueError: shapes that do not fit, or a class without a sample.
    """
    check_name(frame, FRAMES, "frame")
    weight = as_tensor(weight).cpu().double()
    features, labels = as_tensor(features).to(weight), as_tensor(labels)
    if weight.ndim != 2 or features.ndim != 2 or features.shape[1] != weight.shape[1]:
        raise ValueError(
            f"features {tuple(features.shape)} and weight {tuple(weight.shape)}: "
            "(N, d) and (K, d) are needed"
        )
    classes = len(weight)
    labels = labels.cpu().long()
    counts = torch.bincount(labels.clamp(0, classes - 1), minlength=classes)
    in_range = bool(((labels >= 0) & (labels < classes)).all())
    if labels.shape != features.shape[:1] or not in_range or not counts.all() or classes < 2:
        raise ValueError(
            f"labels: a class from 0 to {classes - 1} for each of the {len(features)} samples is "
            "needed, and each class at least once"
        )
    sums = weight.new_zeros(weight.shape).index_add(0, labels, features)
    means = sums / counts[:, None]
    centred = means - means.mean(dim=0)
    within = features - means[labels]
    s_within, s_between = within.T @ within / len(features), centred.T @ centred / classes
    of_weight, of_means = _lengths(lengths, frame, weight)
    shift = 1 / classes if frame == "simplex" else 0.0
    vectors = centred if frame == "simplex" else means
    yield Progress(0.5)
    return NeuralCollapse(
        nc1=float((s_within * torch.linalg.pinv(s_between, hermitian=True)).sum() / classes),
        nc2=_apart(weight @ weight.T, of_weight.square().diag() - shift),
        nc3=_apart(weight @ vectors.T, (of_weight * of_means).diag() - shift),
        nc2_features=_apart(vectors @ vectors.T, of_means.square().diag() - shift),
        nc4=_agreement(features, means, weight, bias),
        imbalance=float(counts.max() / counts.min()),
    )


def _lengths(lengths: Any, frame: str, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The lengths (K,) that weight and class means go to.

    Raises:
        ValueError: lengths where the frame has none, or other numbers than two for each class.
    """
    alike = torch.ones(len(weight)).to(weight)
    if lengths is None:
        return alike, alike
    found = torch.stack([as_tensor(part).to(weight) for part in lengths])
    if frame != "orthogonal" or found.shape != (2, len(weight)) or not bool((found > 0).all()):
        raise ValueError(
            f"lengths: two rows of {len(weight)} numbers above 0 are needed, and only the "
            "orthogonal frame has them"
        )
    return found[0], found[1]


def _agreement(
    features: torch.Tensor, means: torch.Tensor, weight: torch.Tensor, bias: Any
) -> float:
    """For which part of the samples scores and distances to the class means choose alike."""
    scores = features @ weight.T
    if bias is not None:
        scores = scores + as_tensor(bias).to(scores)
    nearest = torch.cdist(features, means).argmin(1)
    return float((scores.argmax(1) == nearest).double().mean())


def _apart(matrix: torch.Tensor, target: torch.Tensor) -> float:
    """Frobenius distance of two matrices, both scaled to norm 1."""
    return float(torch.linalg.norm(matrix / torch.linalg.norm(matrix) - target / target.norm()))

"""The matrices of a landscape at a point, as products with any number of vectors.

The Hessian H is split as Sagun, Evci, Guney, Dauphin & Bottou 2017 (arXiv 1706.04454) do, into the
generalised Gauss-Newton matrix G = Jᵀ S J and the rest, with J the derivative of a network's
outputs by its parameters and S the second derivative of the mean loss by the outputs. The empirical
Fisher matrix is the mean of g gᵀ over the gradients g of single samples' losses at the targets of
the data, neither centred nor drawn (Kunstner, Balles & Hennig 2019, arXiv 1905.12558, on what sets
it apart from G). The neural tangent kernel is J Jᵀ (Jacot, Gabriel & Hongler 2018, arXiv
1806.07572), neither centred nor divided by anything, with one row for each output of each sample,
sample by sample.

For a differential equation samples are nodes, whose own losses carry the weights of the quadrature
rule; what its outputs and its kernel are is said by each problem (`lab.engine.problems.pde`).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch.nn import functional

from lab.engine.analysis.sampling import vectors_in_block
from lab.engine.knobs import check_name, shown
from lab.engine.problem import Problem

OPERATORS = ("hessian", "ggn", "rest", "fisher", "ntk")
_TITLES = {
    "hessian": "Hessian",
    "ggn": "Gauss–Newton matrix",
    "rest": "Hessian less Gauss–Newton matrix",
    "fisher": "empirical Fisher matrix",
    "ntk": "neural tangent kernel",
}

Product = Callable[[torch.Tensor], torch.Tensor]


class Operator(NamedTuple):
    """A symmetric matrix, known by its products. What graphs it needs live as long as it does.

    Attributes:
        size: rows and columns.
        product: vectors (n, size) -> their products (n, size), for any n.
        text: what it is, for a caption.
    """

    size: int
    product: Product
    text: str


def operator(
    problem: Problem,
    theta: torch.Tensor,
    name: str = "hessian",
    batch: Any = None,
    layers: Any = None,
) -> Operator:
    """A matrix of a problem at a point.

    Args:
        problem: what is differentiated.
        theta: (dim,).
        name: "hessian", "ggn", "rest" (Hessian less Gauss-Newton), "fisher" or "ntk".
        batch: (samples,) indices of the samples that are used, None for all.
        layers: names of tensors in the layout: the block of the matrix that belongs to them (for
            the kernel, the part of it that they make). None for all parameters.

    Returns:
        The operator; its product computes as many vectors side by side as suits the problem.

    Raises:
        ValueError: an unknown name, layer or sample, or a problem without what the matrix is
            made of.
    """
    check_name(name, OPERATORS, "operator")
    check_operator(problem, name)
    batch, block = _samples(problem, batch), _columns(problem, layers)
    size = problem.dim if block is None else len(block)
    if name == "ntk":
        count = problem.samples if batch is None else len(batch)
        size = count * problem.kernel_outputs

    def make(width: int) -> Product:
        points = theta.detach().expand(width, -1)
        at = None if batch is None else batch.to(theta.device).expand(width, -1)
        return _PRODUCTS[name](problem, points, at, block)

    widest = vectors_in_block(problem, theta, 1 << 30)
    return Operator(size, _Widths(make, widest, problem.shares_point), _text(name, layers, batch))


def check_operator(problem: Problem, name: str) -> None:
    """Refuse a problem that does not have what an operator is made of.

    Raises:
        ValueError: saying what is missing.
    """
    if name in ("hessian", "ggn", "rest") and problem.hessian_trouble:
        raise ValueError(f"curvature cannot be measured here: {problem.hessian_trouble}")
    if name != "hessian" and not problem.kernel_outputs:
        raise ValueError(
            f"operator = {name!r} needs a network's outputs: {problem.title} has none "
            "(use 'hessian')"
        )
    if name == "fisher" and problem.sample_trouble:
        raise ValueError(f"operator = 'fisher' needs losses of samples: {problem.sample_trouble}")


def samples_of(batch: Any) -> int | None:
    """How many samples a batch has, for a forecast; None for all data."""
    return None if batch is None else len(batch)


class _Widths:
    """Products of any number of vectors, from a graph of as many points side by side as suits."""

    def __init__(self, make: Callable[[int], Product], widest: int, shared: bool):
        self._make, self._widest, self._shared = make, widest, shared
        self._width, self._product = 0, None

    def __call__(self, vectors: torch.Tensor) -> torch.Tensor:
        if not len(vectors):
            return torch.zeros_like(vectors)
        if self._shared:
            product = self._product = self._product or self._make(1)
            return torch.cat([product(part) for part in vectors.split(self._widest)])
        width = min(len(vectors), self._widest)
        if width != self._width:
            self._product = None  # before another graph is made
            self._width, self._product = width, self._make(width)
        found = []
        for part in vectors.split(width):
            rows = part
            if len(part) < width:
                rows = torch.cat([part, part.new_zeros(width - len(part), part.shape[1])])
            found.append(self._product(rows)[: len(part)])
        return torch.cat(found)


def _hessian(problem: Problem, points: torch.Tensor, batch: Any, block: Any) -> Product:
    return _in_block(problem.products(points, batch), block, problem.dim)


def _ggn(problem: Problem, points: torch.Tensor, batch: Any, block: Any) -> Product:
    return _in_block(problem.gauss_newton_products(points, batch), block, problem.dim)


def _rest(problem: Problem, points: torch.Tensor, batch: Any, block: Any) -> Product:
    return _in_block(problem.rest_products(points, batch), block, problem.dim)


def _fisher(problem: Problem, points: torch.Tensor, batch: Any, block: Any) -> Product:
    tangent = problem.tangent(points, batch)
    slopes = tangent.slopes()  # (runs, N, C)

    def product(vectors: torch.Tensor) -> torch.Tensor:
        along = (slopes * tangent.push(vectors)).sum(dim=-1, keepdim=True)  # gᵢ · v
        return tangent.pull(slopes * along / slopes.shape[1])

    return _in_block(product, block, problem.dim)


def _ntk(problem: Problem, points: torch.Tensor, batch: Any, block: Any) -> Product:
    tangent, outputs = problem.tangent(points, batch), problem.kernel_outputs
    others = tangent.slopes().shape[-1] - outputs  # what the loss sees, and the kernel does not

    def product(vectors: torch.Tensor) -> torch.Tensor:
        pulled = tangent.pull(functional.pad(vectors.unflatten(1, (-1, outputs)), (0, others)))
        if block is not None:
            kept = torch.zeros_like(pulled)
            kept[:, block] = pulled[:, block]
            pulled = kept
        return tangent.push(pulled)[..., :outputs].flatten(1)

    return product


_PRODUCTS = {"hessian": _hessian, "ggn": _ggn, "rest": _rest, "fisher": _fisher, "ntk": _ntk}


def _in_block(product: Product, block: torch.Tensor | None, dim: int) -> Product:
    """Products with the diagonal block of some rows and columns."""
    if block is None:
        return product

    def in_block(vectors: torch.Tensor) -> torch.Tensor:
        whole = vectors.new_zeros(len(vectors), dim)
        whole[:, block] = vectors
        return product(whole)[:, block]

    return in_block


def _columns(problem: Problem, layers: Any) -> torch.Tensor | None:
    """Which parameters belong to layers (size,), None for all.

    Raises:
        ValueError: no layers, or one that the layout does not have.
    """
    if layers is None:
        return None
    names = (layers,) if isinstance(layers, str) else tuple(layers)
    if not names:
        raise ValueError("layers = (): the name of at least one tensor is needed, None for all")
    for name in names:
        check_name(name, problem.layout.names, "layers")
    places = problem.layout.slices
    ordered = [name for name in problem.layout.names if name in names]
    return torch.cat([torch.arange(places[n].start, places[n].stop) for n in ordered])


def _samples(problem: Problem, batch: Any) -> torch.Tensor | None:
    """Indices of samples (n,) as a tensor, None for all.

    Raises:
        ValueError: a problem without samples, or indices that it does not have.
    """
    if batch is None:
        return None
    if not problem.samples:
        raise ValueError(f"batch: {problem.title} has no samples to choose from (use None)")
    found = torch.as_tensor(batch)
    whole = not found.is_floating_point() and found.dtype is not torch.bool
    if not (whole and found.ndim == 1 and len(found)):
        raise ValueError(f"batch = {shown(batch)}: a list of numbers of samples is needed")
    if found.min() < 0 or found.max() >= problem.samples:
        raise ValueError(
            f"batch: samples are numbered from 0 to {problem.samples - 1}, "
            f"not {int(found.min())} to {int(found.max())}"
        )
    return found.long()


def _text(name: str, layers: Any, batch: torch.Tensor | None) -> str:
    """What an operator is, for a caption."""
    text = _TITLES[name]
    if layers is not None:
        text += " of " + (layers if isinstance(layers, str) else ", ".join(layers))
    return text if batch is None else f"{text} on {len(batch):,} samples"

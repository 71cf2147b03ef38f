"""K-FAC: natural gradient with the Fisher matrix of each layer as a Kronecker product."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.limits import velocity_formula, velocity_gain
from lab.engine.optimizers.knobs import LearningRate, Momentum
from lab.engine.optimizers.matrices import symmetric_eigen
from lab.engine.optimizers.parts import Parts, built_up
from lab.engine.optimizers.response import Response
from lab.engine.optimizers.rule import Cost, Rule
from lab.engine.oracle import Oracle
from lab.engine.problem import Problem
from lab.engine.structure import Fisher, KroneckerFactors


class KFACState(NamedTuple):
    """State of `KFAC`."""

    step: int
    velocity: torch.Tensor  # (runs, dim)
    factors: torch.Tensor  # (runs, numbers), A and G of all layers; empty before the first step


@register(
    "optimizer",
    "kfac",
    title="K-FAC",
    family="second order",
    formula=r"A \leftarrow \rho A + (1 - \rho)\,\overline{a a^\top}, \quad "
    r"G \leftarrow \rho G + (1 - \rho)\,\overline{g g^\top}, \quad "
    r"W \leftarrow W - \eta\,(G + \frac{\sqrt{\lambda}}{\pi} I)^{-1}\, \nabla_W f\,"
    r"(A + \pi \sqrt{\lambda} I)^{-1}",
    paper="Martens & Grosse 2015, arXiv 1503.05671, sections 2 to 6",
    look="The preconditioner arrow is far longer than the gradient's along flat directions of each "
    "layer. Too little damping makes it leap; a KL clip holds it, and then η hardly counts.",
)
@dataclass(frozen=True)
class KFAC(Rule):
    """Divides each layer's gradient by the covariances of its inputs and of its output gradients.

    For networks that are chains of linear layers; a are a layer's inputs with a 1 for the bias and
    g the gradients of single samples before the activation, at targets drawn from the model (true
    Fisher matrix), averaged over what the model could draw (`exact`), or of the data (`empirical`).
    As in the paper the averages forget at the rate min(1 - 1/t, ρ), and damping is split between
    the factors with π² = (mean eigenvalue of A) / (that of G). The published packages differ from
    it, and are forms here: averages that begin at the identity, damping of the product of
    eigenvalues (G ⊗ A + λI), the empirical Fisher matrix, a KL clip; gpauloski's also has G too
    small by the square of the batch (`mean_gradients`). Neither they nor this rule have the paper's
    adaptive damping and its η and momentum from the exact quadratic model: both are knobs. Other
    parameters, as of a normalisation, take plain gradient steps.
    """

    lr: LearningRate = 0.1
    damping: Annotated[
        float,
        Knob(
            0,
            1e6,
            scale="log",
            slider=(1e-6, 10.0),
            symbol="λ",
            live=True,
            doc="added to curvatures: large values make short steps along the gradient",
        ),
    ] = 1e-3
    damping_form: Annotated[
        Literal["factored", "product"],
        Knob(doc="add √λ to each factor (paper), or λ to the products of their eigenvalues"),
    ] = "factored"
    fisher: Annotated[
        Fisher,
        Knob(doc="targets of the curvature: drawn from the model, all of them, or the data's"),
    ] = "sampled"
    decay: Annotated[
        float,
        Knob(
            0,
            1,
            excluded="high",
            slider=(0, 0.999),
            symbol="ρ",
            live=True,
            doc="memory of the factors: 0.95 remembers about 20 updates of them, 0 only this one",
        ),
    ] = 0.95
    begin: Annotated[
        Literal["first batch", "identity"],
        Knob(doc="where the averages begin: at the first batch (paper) or at the identity"),
    ] = "first batch"
    period: Annotated[
        int, Knob(1, 100_000, scale="log", doc="steps from one update of the factors to the next")
    ] = 1
    kl_clip: Annotated[
        float,
        Knob(
            0,
            1e6,
            scale="log",
            slider=(1e-5, 1.0),
            symbol="κ",
            live=True,
            doc="shortens steps on which η² times step · gradient exceeds it; 0 for no limit",
        ),
    ] = 0.0
    momentum: Momentum = 0.0
    mean_gradients: Annotated[
        bool, Knob(doc="G from gradients of the mean loss, smaller by the square of the batch")
    ] = False

    State = KFACState

    def init(self, theta: torch.Tensor, layout: Layout) -> KFACState:
        """Nothing averaged yet."""
        return KFACState(0, torch.zeros_like(theta), theta.new_empty(len(theta), 0))

    def update(
        self, theta: torch.Tensor, state: KFACState, oracle: Oracle
    ) -> tuple[torch.Tensor, KFACState]:
        """One step."""
        (*_, (_, direction)), factors = self._directions(theta, state, oracle)
        velocity = torch.addcmul(direction, state.velocity, self.momentum)
        theta = torch.addcmul(theta, velocity, self.lr, value=-1)
        return theta, KFACState(state.step + 1, velocity, factors)

    def parts(self, theta: torch.Tensor, state: KFACState, oracle: Oracle) -> Parts:
        """Gradient, preconditioner, clipping, momentum."""
        stages, _ = self._directions(theta, state, oracle)
        velocity = torch.addcmul(stages[-1][1], state.velocity, self.momentum)
        return built_up(
            *((name, -self.lr * direction) for name, direction in stages),
            ("momentum", -self.lr * velocity),
        )

    def response(self, theta: torch.Tensor, state: KFACState, oracle: Oracle) -> Response:
        """A velocity of gradients that each layer's factors scale and turn, clipped as they are."""
        layers, _ = self._averaged(theta, state, oracle)
        named = oracle.layout.split(oracle.gradient(theta))
        spectra = [self._spectrum(layer) for layer in layers]
        size = torch.zeros_like(self.lr)
        for layer, spectrum in zip(layers, spectra, strict=True):
            whole = joined(named, layer)
            size = size + (divided(whole, spectrum) * whole).sum((1, 2))[:, None]
        left = self._limit(size).sqrt()

        def root(vectors: torch.Tensor, run: int) -> torch.Tensor:
            parts = dict(oracle.layout.split(vectors))
            for layer, spectrum in zip(layers, spectra, strict=True):
                inner, outer, divisor = (part[run : run + 1] for part in spectrum)
                half = divided(joined(parts, layer), Spectrum(inner, outer, divisor.sqrt()))
                put(parts, layer, half * left[run])
            return oracle.layout.join(parts)

        moves = bool((self.momentum != 0).any())
        formula = velocity_formula(momentum=moves, share=1, ahead=False)
        return Response(self.lr, velocity_gain(self.momentum), formula, root=root)

    def cost(self, dim: int) -> Cost:
        """A gradient, and one for each update of the factors; exact takes one for each output."""
        return Cost(gradients=1 + 1 / self.period)

    def memory(self, layout: Layout) -> int:
        """A velocity and two factors for each weight, if all have a bias."""
        sides = [shape for shape in layout.shapes if len(shape) == 2]
        return layout.dim + sum(out**2 + (into + 1) ** 2 for out, into in sides)

    @classmethod
    def unfit(cls, problem: Problem) -> str:
        """No linear layers, or no targets to draw."""
        if not problem.linear_layers:
            return f"{cls.catalogue_name} needs a network with linear layers"
        if problem.likelihood_trouble:
            return (
                f"{cls.catalogue_name} draws targets from a network's outputs, and cannot here: "
                f"{problem.likelihood_trouble}"
            )
        return ""

    def _directions(
        self, theta: torch.Tensor, state: KFACState, oracle: Oracle
    ) -> tuple[list[tuple[str, torch.Tensor]], torch.Tensor]:
        """The direction so far (runs, dim) after each part, and the factors with this step's."""
        gradient = oracle.gradient(theta)
        layers, factors = self._averaged(theta, state, oracle)
        named = oracle.layout.split(gradient)
        result = dict(named)
        size = torch.zeros_like(self.lr)
        for layer in layers:
            whole = joined(named, layer)
            natural = divided(whole, self._spectrum(layer))
            size = size + (natural * whole).sum((1, 2))[:, None]
            put(result, layer, natural)
        preconditioned = oracle.layout.join(result)
        stages = [("gradient", gradient), ("preconditioner", preconditioned)]
        limit = self._limit(size)
        for layer in layers:
            for name in filter(None, (layer.weight, layer.bias)):
                scale = limit.view(-1, *(1,) * (result[name].ndim - 1))
                result[name] = result[name] * scale
        return [*stages, ("clipping", oracle.layout.join(result))], factors

    def _averaged(
        self, theta: torch.Tensor, state: KFACState, oracle: Oracle
    ) -> tuple[list[KroneckerFactors], torch.Tensor]:
        """The averaged factors of every layer, as they are and as one row for each run."""
        if state.step % self.period:
            return unpacked(state.factors, oracle), state.factors
        fresh = oracle.kronecker_factors(theta, self.fisher, "targets")
        if self.mean_gradients:
            samples = oracle.problem.samples if oracle.batch is None else oracle.batch.shape[1]
            fresh = [x._replace(gradients=x.gradients / samples**2) for x in fresh]
        now = packed(fresh)
        before = state.factors if state.step else packed([_identity(x) for x in fresh])
        memory = self.decay
        if self.begin == "first batch":
            updates = state.step // self.period  # so far
            memory = memory.clamp(max=1 - 1 / (updates + 1))
        factors = torch.lerp(now, before, memory)
        return unpacked(factors, oracle), factors

    def _limit(self, size: torch.Tensor) -> torch.Tensor:
        """What the KL clip leaves of a step, (runs, 1); size is step · gradient over η."""
        limit = (self.kl_clip / (self.lr**2 * size)).sqrt().clamp(max=1)
        return torch.where((self.kl_clip > 0) & (size > 0), limit, 1.0)

    def _spectrum(self, layer: KroneckerFactors) -> "Spectrum":
        """The damped Fisher matrix of a layer."""
        a, inner = symmetric_eigen(layer.inputs)
        g, outer = symmetric_eigen(layer.gradients)
        a, g = a.clamp(min=0), g.clamp(min=0)
        if self.damping_form == "factored":
            means = a.mean(1, keepdim=True) / g.mean(1, keepdim=True)
            pi = torch.where((means > 0) & means.isfinite(), means, 1.0).sqrt()
            root = self.damping.sqrt()
            divisor = (g + root / pi)[:, :, None] * (a + root * pi)[:, None]
        else:
            divisor = g[:, :, None] * a[:, None] + self.damping[:, :, None]
        return Spectrum(inner, outer, divisor)


class Spectrum(NamedTuple):
    """A layer's damped Fisher matrix by its eigenvectors.

    Attributes:
        inner: (runs, in, in), of the factor of the inputs.
        outer: (runs, out, out), of that of the gradients.
        divisor: (runs, out, in), eigenvalues of the whole.
    """

    inner: torch.Tensor
    outer: torch.Tensor
    divisor: torch.Tensor


def divided(vectors: torch.Tensor, by: Spectrum) -> torch.Tensor:
    """Vectors (n, out, in) in the place of a layer, divided by its matrix; of n runs or of one."""
    return by.outer @ (by.outer.mT @ vectors @ by.inner / by.divisor) @ by.inner.mT


def joined(named: Mapping[str, torch.Tensor], layer: KroneckerFactors) -> torch.Tensor:
    """The weight of a layer with its bias as a last column, (n, out, in)."""
    weight = named[layer.weight]
    return torch.cat([weight, named[layer.bias][:, :, None]], dim=2) if layer.bias else weight


def put(named: dict[str, torch.Tensor], layer: KroneckerFactors, whole: torch.Tensor) -> None:
    """The inverse of `joined`."""
    columns = named[layer.weight].shape[2]
    named[layer.weight] = whole[:, :, :columns]
    if layer.bias:
        named[layer.bias] = whole[:, :, -1]


def packed(layers: list[KroneckerFactors]) -> torch.Tensor:
    """Both factors of all layers, one after the other: (runs, numbers)."""
    return torch.cat([part.flatten(1) for x in layers for part in (x.inputs, x.gradients)], dim=1)


def unpacked(factors: torch.Tensor, oracle: Oracle) -> list[KroneckerFactors]:
    """The inverse of `packed`."""
    shapes = dict(zip(oracle.layout.names, oracle.layout.shapes, strict=True))
    layers, begin = [], 0
    for layer in oracle.problem.linear_layers:
        out, into = shapes[layer.weight]
        sides = (into + bool(layer.bias), out)
        parts = []
        for side in sides:
            parts.append(factors[:, begin : begin + side * side].view(-1, side, side))
            begin += side * side
        layers.append(KroneckerFactors(layer.weight, layer.bias, *parts))
    return layers


def _identity(layer: KroneckerFactors) -> KroneckerFactors:
    """A layer's factors as identity matrices."""
    parts = (torch.zeros_like(x) for x in (layer.inputs, layer.gradients))
    unit = [part + torch.eye(part.shape[1], dtype=part.dtype, device=part.device) for part in parts]
    return KroneckerFactors(layer.weight, layer.bias, *unit)

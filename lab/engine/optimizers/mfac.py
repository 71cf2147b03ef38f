"""M-FAC: the inverse of a Fisher matrix made of the last gradients, without the matrix."""

from dataclasses import dataclass
from typing import Annotated, NamedTuple

import torch

from lab.engine.catalogue import register
from lab.engine.knobs import Knob
from lab.engine.layout import Layout
from lab.engine.limits import average_gain
from lab.engine.optimizers.knobs import LearningRate, WeightDecay
from lab.engine.optimizers.parts import Parts, built_up, descent_stages
from lab.engine.optimizers.response import Response
from lab.engine.optimizers.rule import Rule
from lab.engine.oracle import Oracle


class MFACState(NamedTuple):
    """State of `MFAC`."""

    step: int
    gradients: torch.Tensor  # (runs, m, dim), a ring: step t is in row t mod m; zero at first
    products: torch.Tensor  # (runs, m, m), their inner products; empty if m > dim
    velocity: torch.Tensor  # (runs, dim)


@register(
    "optimizer",
    "mfac",
    title="M-FAC",
    family="second order",
    formula=r"F = \lambda I + \frac{1}{m} \sum_{i} g_i g_i^\top, \quad "
    r"v \leftarrow \mu v + (1 - \mu)\,F^{-1} g, \quad x \leftarrow x - \eta v",
    paper="Frantar, Kurtic & Alistarh 2021, arXiv 2107.03356, the dynamic algorithm",
    look="Preconditioner against gradient: inside the span of the last m gradients the step is cut "
    "down, outside it is g/λ. The first steps are long, of about m/‖g‖.",
)
@dataclass(frozen=True)
class MFAC(Rule):
    """A natural gradient with the empirical Fisher matrix of the last m gradients.

    The sum is divided by m before there are m gradients too. F⁻¹g is exact and takes a system of m
    equations: with the gradients as rows of G, g among them as row p, F⁻¹g = m Gᵀ(λm I + GGᵀ)⁻¹e_p
    (Woodbury's identity, without its cancellation for small λ). The authors keep a factorisation
    instead, for the same numbers.
    They remember 1024 gradients; here fewer, so that snapshots stay small. Weight decay is added to
    the gradient, which enters the matrix with it.
    """

    lr: LearningRate = 1e-3
    ngrads: Annotated[
        int, Knob(1, 4096, scale="log", slider=(1, 1024), symbol="m", doc="gradients remembered")
    ] = 64
    damping: Annotated[
        float,
        Knob(
            0,
            1e6,
            excluded="low",
            scale="log",
            slider=(1e-7, 10.0),
            symbol="λ",
            live=True,
            doc="curvature where no gradient pointed: small values make steps across them long",
        ),
    ] = 1e-5
    momentum: Annotated[
        float,
        Knob(
            0,
            1,
            excluded="high",
            slider=(0, 0.999),
            symbol="μ",
            live=True,
            doc="memory of the averaged step: 0.9 remembers about 10 steps, 0 only this one",
        ),
    ] = 0.0
    weight_decay: WeightDecay = 0.0

    State = MFACState

    def init(self, theta: torch.Tensor, layout: Layout) -> MFACState:
        """No gradients yet."""
        runs, dim = theta.shape
        ring = theta.new_zeros(runs, self.ngrads, dim)
        size = self.ngrads if self.ngrads <= dim else 0
        products = theta.new_zeros(runs, size, size)
        return MFACState(0, ring, products, torch.zeros_like(theta))

    def update(
        self, theta: torch.Tensor, state: MFACState, oracle: Oracle
    ) -> tuple[torch.Tensor, MFACState]:
        """One step."""
        theta, _, state = self._moved(theta, state, oracle)
        return theta, state

    def parts(self, theta: torch.Tensor, state: MFACState, oracle: Oracle) -> Parts:
        """Gradient, weight decay, preconditioner, momentum."""
        _, natural, after = self._moved(theta, state, oracle)
        return built_up(
            *descent_stages(theta, oracle.gradient(theta), self.lr, self.weight_decay),
            ("preconditioner", -self.lr * natural),
            ("momentum", -self.lr * after.velocity),
        )

    def response(self, theta: torch.Tensor, state: MFACState, oracle: Oracle) -> Response:
        """An averaged gradient over the matrix."""
        _, after = self.update(theta, state, oracle)
        _, lengths, axes = torch.linalg.svd(after.gradients, full_matrices=False)
        plain = self.damping.rsqrt()  # (runs, 1), outside the span of the gradients
        inside = (lengths.square() / self.ngrads + self.damping).rsqrt() - plain  # (runs, m)

        def root(vectors: torch.Tensor, run: int) -> torch.Tensor:
            along = vectors @ axes[run].mT  # (n, m)
            return vectors * plain[run] + (along * inside[run]) @ axes[run]

        gain, formula = average_gain(self.momentum), "2(1+μ)/(1−μ)η"
        return Response(self.lr, gain, formula, root=root, decay=self.weight_decay)

    def _moved(
        self, theta: torch.Tensor, state: MFACState, oracle: Oracle
    ) -> tuple[torch.Tensor, torch.Tensor, MFACState]:
        """The next theta, F⁻¹g (runs, dim) and the next state."""
        gradient = torch.addcmul(oracle.gradient(theta), theta, self.weight_decay)
        place = state.step % self.ngrads
        gradients, products = state.gradients.clone(), state.products.clone()
        gradients[:, place] = gradient
        if products.shape[1]:
            along = (gradients @ gradient[:, :, None])[:, :, 0]  # (runs, m)
            products[:, place] = products[:, :, place] = along
        natural = self._solved(gradients, products, place)
        velocity = torch.lerp(natural, state.velocity, self.momentum)
        moved = torch.addcmul(theta, self.lr, velocity, value=-1)
        return moved, natural, MFACState(state.step + 1, gradients, products, velocity)

    def _solved(self, gradients: torch.Tensor, products: torch.Tensor, place: int) -> torch.Tensor:
        """F⁻¹g for the gradient in a row of the ring, (runs, dim)."""
        runs, size, dim = gradients.shape
        ridge = self.damping * size  # (runs, 1)
        if dim < size:
            return _fewer_unknowns(gradients, ridge, place)
        one = gradients.new_zeros(runs, size, 1)
        one[:, place] = size
        system = products + torch.diag_embed(ridge.expand(runs, size))
        shares = torch.linalg.solve_ex(system, one).result
        return (gradients.mT @ shares)[:, :, 0]


def _fewer_unknowns(gradients: torch.Tensor, ridge: torch.Tensor, place: int) -> torch.Tensor:
    """The same F⁻¹g where there are more gradients than parameters, (runs, dim).

    It is m times the least-squares solution of Gu = e_p with the ridge λm, found by a QR
    decomposition: for small λ that is far more precise than to solve with GᵀG.
    """
    runs, size, dim = gradients.shape
    rows = torch.cat([gradients, torch.diag_embed(ridge.sqrt().expand(runs, dim))], dim=1)
    basis, triangle = torch.linalg.qr(rows)
    aim = size * basis[:, place, :, None]
    return torch.linalg.solve_triangular(triangle, aim, upper=True)[:, :, 0]

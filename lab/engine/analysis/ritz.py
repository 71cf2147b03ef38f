"""When an eigenvalue search may stop: the order of Ritz values, and what their residuals bound."""

from collections.abc import Callable

import numpy as np
import torch

WHICH = ("modulus", "largest", "smallest")
_KEYS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "modulus": np.abs,
    "largest": np.positive,
    "smallest": np.negative,
}
_BEYOND = (
    0.1  # parts of the first modulus beyond the wanted Ritz values where others are looked for
)
_SMALL = 1e-2  # parts of the largest modulus below which an eigenvalue at an end is not resolved


class Criterion:
    """Which eigenvalues are wanted, and how well.

    A pair is settled when its residual r is below tol·|λ| and its error below tol²·|λ|, by the
    bound r·min(1, r / distance to the next Ritz value) (Parlett 1998, section 11.7, with Ritz
    values for eigenvalues). Moduli below a hundredth of the largest count as that where the largest
    or smallest eigenvalues are wanted: an end of a spectrum that lies close to zero.
    """

    def __init__(self, k: int, which: str, tol: float, dtype: torch.dtype):
        """Say what is wanted.

        Args:
            k: how many eigenvalues.
            which: "modulus", "largest" or "smallest".
            tol: see above.
            dtype: precision of the products.
        """
        self.k, self._key, self._tol = k, _KEYS[which], tol
        self._eps = torch.finfo(dtype).eps
        self._floor = self._eps ** (2 / 3) if which == "modulus" else _SMALL

    def first(self, values: np.ndarray, spare: int = 0) -> np.ndarray:
        """The places of the k first Ritz values, in order, and of some more."""
        return np.argsort(-self._key(values), kind="stable")[: self.k + spare]

    def settled(self, values: np.ndarray, residuals: np.ndarray) -> np.ndarray:
        """Which of the first k are settled.

        Args:
            values: (m,), all Ritz values.
            residuals: (m,), the lengths of their residuals.

        Returns:
            (k,), or (m,) where there are fewer.
        """
        size = np.abs(values)
        unit = np.maximum(size, self._floor * size.max())
        gaps = np.diff(np.sort(values), prepend=-np.inf, append=np.inf)
        gap = np.empty_like(size)
        gap[np.argsort(values)] = np.minimum(gaps[:-1], gaps[1:])
        share = np.ones_like(size)
        np.divide(residuals, gap, out=share, where=gap > residuals)
        rounding = 10 * self._eps * size.max()
        small = residuals <= np.maximum(self._tol * unit, rounding)
        exact = share * residuals <= np.maximum(self._tol**2 * unit, rounding)
        return (small & exact)[self.first(values)]

    def nothing_hides(self, values: np.ndarray, couplings: np.ndarray, part: float) -> bool:
        """Whether an eigenvalue that belongs among the first k would have shown by now.

        After m Lanczos steps the next basis vector is p(A) q, with q the first one and p of the
        Ritz values θ and the couplings β: p(λ) = Π (λ - θ) / Π β. It has length 1, so an eigenvalue
        λ along whose eigenvector q has a part a obeys |a p(λ)| <= 1 (van Dorsselaer, Hochstenbach &
        van der Vorst 2000, SIAM J. Matrix Anal. 22(3), section 3). Where p exceeds 1/a, there is
        none. Looked at are places a tenth of the first modulus beyond the wanted Ritz values, and
        halfway between any two that lie further apart than twice that.

        Args:
            values: (m,), Ritz values of one Krylov space.
            couplings: (m,), off the diagonal; the last one to the step that was not made.
            part: a, in modulus.
        """
        wanted = np.sort(values[self.first(values)])
        room = _BEYOND * max(abs(values[self.first(values)[0]]), _SMALL * np.abs(values).max())
        places = [wanted[i : i + 2].mean() for i in np.flatnonzero(np.diff(wanted) > 2 * room)]
        if self._key is not np.negative:
            places.append(max(wanted[-1], np.abs(wanted).min()) + room)
        if self._key is not np.positive:
            places.append(min(wanted[0], -np.abs(wanted).min()) - room)
        if self._key is np.abs:  # smaller ones are not asked for
            places = [place for place in places if abs(place) > np.abs(wanted).min()]
        if not (couplings > 0).all():
            return True  # an invariant space: all that the first vector has a part along
        distances = np.abs(np.array(places)[:, None] - values)
        powers = np.log(np.maximum(distances, np.finfo(float).tiny)).sum(axis=1)
        return bool((powers - np.log(couplings).sum() > -np.log(part)).all())

    def floor(self, values: np.ndarray) -> float:
        """What rounding leaves of a residual that vanishes."""
        return float(self._eps * np.abs(values).max())

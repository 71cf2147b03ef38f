"""Numbers as axes need them: logarithms, finite ones, and those that do not fly off. Qt-free."""

from typing import Any

import numpy as np

_OUTLYING = 20.0  # beyond this many times the 90 % point values do not stretch an axis


def logs(values: Any) -> np.ndarray:
    """Logarithms to base ten, NaN where there are none."""
    values = np.asarray(values, dtype=np.float64)
    result = np.full(values.shape, np.nan)
    np.log10(values, out=result, where=(values > 0) & np.isfinite(values))
    return result


def finite(*parts: Any) -> np.ndarray:
    """All finite numbers of some arrays, (n,)."""
    values = np.concatenate([np.empty(0), *(np.ravel(part) for part in parts)])
    return values[np.isfinite(values)]


def common(values: np.ndarray) -> np.ndarray:
    """Finite values (n,) without those that are very much larger than nearly all others."""
    most = _OUTLYING * np.quantile(np.abs(values), 0.9) if len(values) else 0.0
    return values[np.abs(values) <= most] if most > 0 else values

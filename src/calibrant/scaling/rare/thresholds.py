"""Where does the tail begin? A threshold above which a generalised Pareto tail is not refuted.

The lowest of some thresholds is taken such that the Anderson–Darling test rejects neither there nor
at any higher one. The others stay in the result: a reader must see whether the forecast moves.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import UnfitError
from calibrant.scaling.rare.pareto import fit, log_survival

Floats = NDArray[np.float64]

LEAST = 25
"""Exceedances below which no tail is fitted."""
SHARE = 0.2
"""The tail is at most this share of the sample."""
MOST = 4000
"""Exceedances that are used at most: more would cost time and bring in what is not tail."""
CANDIDATES = 10
REJECT = 0.01
"""A threshold is rejected below this p-value: ten are tried, so that at 0.05 every fourth good tail
would lose most of its values, and those that do are the unlucky ones."""
HOPELESS = 0.005
"""The tail is not fitted at all if the highest threshold has a p-value below this."""

_P: Floats = np.array([0.5, 0.4, 0.3, 0.25, 0.2, 0.15, 0.1, 0.075, 0.05, 0.025, 0.01, 0.005])
_SHAPES: Floats = np.array([-0.5, -0.4, -0.3, -0.2, -0.1, 0, 0.1, 0.2, 0.35, 0.5, 0.75, 1, 2])
_QUANTILES: Floats = np.array(
    [
        [0.573, 0.67, 0.807, 0.889, 0.996, 1.163, 1.359, 1.5, 1.741, 2.138, 2.734, 3.208],
        [0.453, 0.529, 0.614, 0.667, 0.732, 0.82, 0.95, 1.066, 1.209, 1.47, 1.836, 2.085],
        [0.427, 0.496, 0.574, 0.626, 0.679, 0.753, 0.872, 0.945, 1.105, 1.314, 1.63, 1.804],
        [0.415, 0.477, 0.551, 0.601, 0.653, 0.731, 0.834, 0.923, 1.049, 1.23, 1.555, 1.701],
        [0.403, 0.462, 0.534, 0.582, 0.638, 0.703, 0.803, 0.891, 1.01, 1.175, 1.456, 1.612],
        [0.391, 0.451, 0.52, 0.565, 0.621, 0.682, 0.782, 0.853, 0.978, 1.142, 1.374, 1.569],
        [0.382, 0.439, 0.507, 0.549, 0.607, 0.662, 0.762, 0.827, 0.936, 1.1, 1.337, 1.545],
        [0.374, 0.429, 0.496, 0.537, 0.589, 0.646, 0.743, 0.797, 0.909, 1.063, 1.311, 1.48],
        [0.363, 0.415, 0.48, 0.52, 0.567, 0.622, 0.714, 0.772, 0.864, 1.016, 1.239, 1.375],
        [0.356, 0.403, 0.467, 0.504, 0.552, 0.607, 0.689, 0.744, 0.826, 0.965, 1.151, 1.355],
        [0.344, 0.391, 0.448, 0.484, 0.532, 0.584, 0.653, 0.707, 0.786, 0.923, 1.134, 1.296],
        [0.337, 0.381, 0.44, 0.47, 0.517, 0.564, 0.631, 0.686, 0.762, 0.891, 1.083, 1.222],
        [0.323, 0.367, 0.418, 0.448, 0.483, 0.531, 0.599, 0.643, 0.703, 0.829, 1.008, 1.119],
    ]
)
"""A row for each shape, a column for each p-value."""


@dataclass(frozen=True)
class Threshold:
    """One threshold that was tried.

    Attributes:
        threshold: in the units of the fit (elicitation scores for probabilities).
        exceedances: observations above it.
        shape, scale: of the generalised Pareto distribution of what is above.
        p: of the Anderson–Darling test, between 0.005 and 0.5 (values beyond are cut there).
    """

    threshold: float
    exceedances: int
    shape: float
    scale: float
    p: float

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain data."""
        return asdict(self)


def anderson_darling(y: Floats, shape: float, scale: float) -> float:
    """The Anderson–Darling distance of exceedances from a generalised Pareto distribution."""
    upper = log_survival(np.sort(y), np.asarray(shape), np.asarray(scale))
    with np.errstate(divide="ignore"):
        lower = np.log(-np.expm1(upper))
    weight = 2 * np.arange(1, y.size + 1) - 1
    both = lower + upper[::-1]
    if not np.all(np.isfinite(both)):
        return float("inf")
    return float(-y.size - (weight * both).sum() / y.size)


def p_value(distance: float, shape: float) -> float:
    """The p-value of an Anderson–Darling distance when both parameters were fitted.

    From simulated quantiles for shapes of -½ to 2 (4,000 samples of 100 each; compare the table of
    Choulakian and Stephens, Technometrics 43 (2001) 478, whose k is minus the shape), between them
    linear in the shape, and in log p. Cut at 0.005 and 0.5.
    """
    at = np.clip(shape, _SHAPES[0], _SHAPES[-1])
    row = np.array([np.interp(at, _SHAPES, column) for column in _QUANTILES.T])
    return float(np.exp(np.interp(distance, row, np.log(_P))))


def candidates(x: Floats, exceedances: int | None = None) -> list[Threshold]:
    """Thresholds from the highest down, each with its fit and test.

    Args:
        x: shape (n,), observations; -inf is allowed for the lowest.
        exceedances: only this many observations above the threshold.

    Raises:
        UnfitError: for too few observations, or too few that differ.
    """
    n = x.size
    if exceedances is None and n * SHARE < LEAST:
        need = int(LEAST / SHARE)
        raise UnfitError(f"tail: wanted at least {need} observations, got {n}")
    if exceedances is not None and not LEAST <= exceedances < n:
        raise UnfitError(
            f"exceedances: wanted {LEAST} to {n - 1} (observations less one), got {exceedances}"
        )
    most = min(int(n * SHARE), MOST) if exceedances is None else exceedances
    least = LEAST if exceedances is None else exceedances
    counts = np.unique(np.rint(np.geomspace(least, most, CANDIDATES)).astype(int))
    top = np.sort(np.partition(x, n - most - 1)[n - most - 1 :])[::-1]
    found: list[Threshold] = []
    for count in counts:
        u = float(top[count])
        y = top[:count] - u
        y = y[y > 0]
        if not np.isfinite(u) or y.size < LEAST or np.unique(y).size < LEAST // 2:
            continue
        shape, scale = fit(y)
        p = p_value(anderson_darling(y, shape, scale), shape)
        if not found or y.size != found[-1].exceedances:
            found.append(Threshold(u, int(y.size), shape, scale, p))
    if not found:
        raise UnfitError(
            f"tail: wanted {LEAST} of the largest observations above one threshold and most of "
            "them different, got too many equal ones"
        )
    return found


def choose(tried: list[Threshold]) -> int:
    """The index of the lowest threshold that is not rejected, nor any higher one.

    Raises:
        UnfitError: if no tail fits even the highest.
    """
    if tried[0].p <= HOPELESS:
        raise UnfitError(
            f"tail: even the {tried[0].exceedances} largest observations do not look like a "
            f"generalised Pareto tail (Anderson–Darling p ≤ {HOPELESS:g})"
        )
    passed = [t.p >= REJECT for t in tried]
    return max(passed.index(False) - 1, 0) if False in passed else len(tried) - 1

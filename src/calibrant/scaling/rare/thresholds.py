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
ROOT = 2.5
"""And at most so many times the root of the observations: only a made tail is generalised Pareto
from its 80 % on, and with many values the error of the law outgrows that of the fit before a test
sees it. Of normal worlds with 5,000 values 95 % intervals cover 48 of 100 without it."""
CANDIDATES = 10
REJECT = 0.01
"""A threshold is rejected below this p-value: ten are tried, so that at 0.05 every fourth good tail
would lose most of its values, and those that do are the unlucky ones."""
HOPELESS = 0.005
"""The tail is not fitted at all if the highest threshold has a p-value below this."""

_P: Floats = np.array([0.5, 0.4, 0.3, 0.25, 0.2, 0.15, 0.1, 0.075, 0.05, 0.025, 0.01, 0.005, 0.001])
_SHAPES: Floats = np.array(
    [-0.5, -0.4, -0.3, -0.2, -0.1, 0, 0.1, 0.2, 0.35, 0.5, 0.75, 1, 1.5, 2, 3, 5]
)
_QUANTILES: Floats = np.array(
    [
        [0.496, 0.573, 0.672, 0.735, 0.813, 0.915, 1.061, 1.168, 1.321, 1.59, 1.958, 2.243, 2.922],
        [0.468, 0.54, 0.63, 0.688, 0.759, 0.852, 0.985, 1.082, 1.221, 1.465, 1.799, 2.058, 2.674],
        [0.445, 0.512, 0.596, 0.649, 0.715, 0.801, 0.924, 1.013, 1.14, 1.365, 1.672, 1.909, 2.475],
        [0.426, 0.489, 0.568, 0.617, 0.679, 0.759, 0.873, 0.956, 1.074, 1.283, 1.567, 1.788, 2.312],
        [0.41, 0.469, 0.544, 0.591, 0.649, 0.724, 0.831, 0.909, 1.02, 1.215, 1.481, 1.687, 2.178],
        [0.397, 0.453, 0.524, 0.569, 0.623, 0.694, 0.796, 0.869, 0.974, 1.158, 1.409, 1.603, 2.065],
        [0.386, 0.44, 0.507, 0.55, 0.602, 0.67, 0.766, 0.836, 0.935, 1.11, 1.348, 1.532, 1.97],
        [0.376, 0.428, 0.493, 0.534, 0.584, 0.649, 0.741, 0.807, 0.903, 1.069, 1.296, 1.471, 1.889],
        [0.365, 0.414, 0.476, 0.515, 0.562, 0.623, 0.71, 0.773, 0.862, 1.019, 1.231, 1.396, 1.788],
        [0.356, 0.403, 0.462, 0.499, 0.544, 0.602, 0.685, 0.745, 0.83, 0.978, 1.18, 1.336, 1.707],
        [0.344, 0.389, 0.445, 0.48, 0.522, 0.577, 0.655, 0.71, 0.789, 0.927, 1.115, 1.26, 1.605],
        [0.337, 0.38, 0.434, 0.467, 0.507, 0.559, 0.633, 0.686, 0.761, 0.892, 1.069, 1.206, 1.532],
        [0.328, 0.369, 0.42, 0.452, 0.49, 0.539, 0.609, 0.658, 0.728, 0.85, 1.015, 1.142, 1.445],
        [0.325, 0.365, 0.415, 0.446, 0.483, 0.531, 0.598, 0.646, 0.714, 0.833, 0.992, 1.115, 1.407],
        [0.325, 0.365, 0.415, 0.446, 0.483, 0.531, 0.599, 0.647, 0.715, 0.834, 0.995, 1.118, 1.412],
        [0.332, 0.375, 0.428, 0.461, 0.501, 0.553, 0.627, 0.68, 0.755, 0.886, 1.064, 1.202, 1.53],
    ]
)
"""A row for each shape, a column for each p-value. From the limit law of the distance: a sum of
weighted chi-squares, whose weights are the eigenvalues of the covariance of the fitted empirical
process. It gives the published table (Choulakian and Stephens, Technometrics 43 (2001) 478, table
2, whose k is minus the shape) to its last digit down to p = 0.005; a test holds both."""


@dataclass(frozen=True)
class Threshold:
    """One threshold that was tried.

    Attributes:
        threshold: in the units of the fit (elicitation scores for probabilities).
        exceedances: observations above it.
        shape, scale: of the generalised Pareto distribution of what is above.
        p: of the Anderson–Darling test, between 0.001 and 0.5 (values beyond are cut there).
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

    By the limit for many exceedances, between the table's entries linear in the shape and in
    log p; cut at 0.001 and 0.5. With 25 exceedances a good tail of shape -0.2 to 1 is rejected at
    0.05 in 3 to 5 of 100; towards the edge of the shapes, at -0.45, in 8.
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
    most = min(int(n * SHARE), int(ROOT * n**0.5)) if exceedances is None else exceedances
    least = LEAST if exceedances is None else exceedances
    counts = np.unique(np.rint(np.geomspace(least, most, CANDIDATES)).astype(int))
    top = np.sort(np.partition(x, n - most - 1)[n - most - 1 :])[::-1]
    found: list[Threshold] = []
    for count in counts:
        u = float(top[count])
        # Probabilities of 0 have a score of -inf: a threshold there leaves nothing to measure from.
        y = top[:count][top[:count] > u] - u if np.isfinite(u) else np.empty(0)
        if y.size < LEAST or np.unique(y).size < LEAST // 2:
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

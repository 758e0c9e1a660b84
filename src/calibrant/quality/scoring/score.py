"""How able is each subject, by its answers to calibrated items?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import chdtri

from calibrant.errors import InputError
from calibrant.quality.bank import Bank, Floats, Ints
from calibrant.quality.scoring.grids import interpolate, moments, peaks, quantiles, zoom
from calibrant.quality.scoring.kernel import Kernel, answer_weights, kernel
from calibrant.quality.scoring.result import METHODS, Method, Scores

_CELLS = 20_000_000


def score_bank(
    bank: Bank,
    scores: Floats,
    method: Method = "eap",
    level: float = 0.95,
    *,
    uncertainty: bool = True,
    fractional: str = "refuse",
    subjects: Sequence[str] | None = None,
    grid: Kernel | None = None,
) -> Scores:
    """Ability of each subject with an interval.

    - "eap", "map": mean and mode of the posterior under a normal ability with the bank's mean and
      sd; the interval holds the middle of the posterior. On average over such subjects it covers
      as told; for one far from the mean it is drawn inward, the more so the fewer the items.
    - "wle": Warm's weighted likelihood (Psychometrika 54 (1989) 427), without a prior; the interval
      is that of likelihood ratios, and infinite on a side on which the answers know no end.

    Args:
        bank: calibrated items.
        scores: shape (subjects, items), NaN where there is none.
        uncertainty: carry the error of the items' parameters, where the bank tells it.
        fractional: see `answer_weights`.
        subjects: names.
        grid: `kernel(bank)`, where it was made before.

    Raises:
        InputError: for an unknown method, a level outside 0–1, scores that do not fit the bank.
    """
    if method not in METHODS:
        raise InputError(f"method: wanted one of {', '.join(METHODS)}, got {method!r}")
    if not 0 < level < 1:
        raise InputError(f"level: wanted strictly between 0 and 1, got {level!r}")
    weights = answer_weights(bank, scores, fractional=fractional)
    names = tuple(subjects) if subjects is not None else _numbered(len(weights))
    if len(names) != len(weights):
        raise InputError(f"subjects: wanted {len(weights)} names, got {len(names)}")
    ready = grid if grid is not None else kernel(bank, uncertainty=uncertainty)
    rows = max(1, _CELLS // ready.theta.size)
    parts = [
        _few(ready, weights[i : i + rows], method, level) for i in range(0, len(weights), rows)
    ] or [np.zeros((4, 0))]
    ability, error, low, high = np.concatenate(parts, axis=1)
    return Scores(
        names, method, level, ability, error, low, high, np.asarray(weights.any(axis=2).sum(axis=1))
    )


def _few(grid: Kernel, weights: Floats, method: Method, level: float) -> Floats:
    """Shape (4, subjects): ability, standard error, low, high."""
    log_likelihood = grid.log_likelihood(weights)
    if method == "wle":
        return _warm(grid, weights, log_likelihood, level)
    x, y = zoom(grid.theta, log_likelihood + grid.log_prior)
    ability, error = moments(x, y)
    if method == "map":
        ability, bend = peaks(x, y)
        error = 1.0 / np.sqrt(np.maximum(-bend, 1e-12))
    tail = (1.0 - level) / 2
    return np.stack([ability, error, quantiles(x, y, tail), quantiles(x, y, 1 - tail)])


def _warm(grid: Kernel, weights: Floats, log_likelihood: Floats, level: float) -> Floats:
    answered = weights.any(axis=2).astype(np.float64)
    information = answered @ grid.curves.information.T
    ratio = np.divide(
        answered @ grid.curves.warm.T, 2 * information, out=np.zeros_like(information),
        where=information > 0,
    )  # fmt: skip
    parts = (ratio[:, 1:] + ratio[:, :-1]) / 2 * grid.step
    bonus = np.concatenate([np.zeros((len(ratio), 1)), parts.cumsum(axis=1)], axis=1)
    ability, _ = peaks(*zoom(grid.theta, log_likelihood + bonus))
    at = (ability - grid.theta[0])[:, None] / grid.step
    known = np.maximum(interpolate(information, at)[:, 0], 1e-12)
    low, high = _ratio_interval(grid, log_likelihood, level)
    none = answered.sum(axis=1) == 0
    ability[none], low[none], high[none] = np.nan, -np.inf, np.inf
    error = np.where(none, np.inf, 1.0 / np.sqrt(known))
    return np.stack([ability, error, low, high])


def _ratio_interval(grid: Kernel, log_likelihood: Floats, level: float) -> tuple[Floats, Floats]:
    """The hull of abilities whose likelihood ratio is not too small; infinite past the grid."""
    theta, points = grid.theta, grid.theta.size
    _, y = zoom(theta, log_likelihood)
    top = np.maximum(y.max(axis=1), log_likelihood.max(axis=1))
    inside = log_likelihood >= (top - chdtri(1, 1 - level) / 2)[:, None]
    inside[np.arange(len(inside)), log_likelihood.argmax(axis=1)] = True
    limit = (top - chdtri(1, 1 - level) / 2)[:, None]
    first = inside.argmax(axis=1)
    last = points - 1 - inside[:, ::-1].argmax(axis=1)
    low = np.where(first == 0, -np.inf, _crossing(theta, log_likelihood, limit, first - 1))
    high = np.where(last == points - 1, np.inf, _crossing(theta, log_likelihood, limit, last))
    return low, high


def _crossing(theta: Floats, y: Floats, limit: Floats, left: Ints) -> Floats:
    start = np.clip(left, 0, theta.size - 2)[:, None]
    a, b = (np.take_along_axis(y, start + k, axis=1) for k in (0, 1))
    t = np.divide(limit - a, b - a, out=np.full_like(a, 0.5), where=a != b)
    return np.asarray(theta[start[:, 0]] + np.clip(t[:, 0], 0, 1) * (theta[1] - theta[0]))


def _numbered(size: int) -> tuple[str, ...]:
    return tuple(f"subject {i + 1}" for i in range(size))

"""What will the next subject have at each rung? Predictive distributions from smaller subjects."""

from __future__ import annotations

import numpy as np
from scipy import special

from calibrant.errors import UnfitError
from calibrant.scaling.metrics.backtest import moved
from calibrant.scaling.metrics.lines import residual_variance, weights
from calibrant.scaling.metrics.rungs import Answers, Floats, rung
from calibrant.scaling.predictive import Predictive

LEAST = 4
"""Scales that are known, at least: two degrees of freedom."""
_SHARES = (np.arange(40) + 0.5) / 40
"""Quantiles that stand for a distribution."""


def following(answers: Answers, name: str, at: float) -> tuple[Predictive, str]:
    """The forecast of a rung at a larger scale, and how it was made.

    The graded rung on which the ladder stands (log share, else log-probability) and those that
    cannot be had from it are forecast by lines, one on each of their scales, equally weighted, with
    Student's t of the scatter about each. All others go through the ladder: the items' odds of the
    largest known subject are moved until each quantile of the graded rung is met.

    Args:
        at: base-10 logarithm of the larger scale.

    Raises:
        UnfitError: with fewer than `LEAST` scales, or none below `at`.
    """
    scales = np.unique(answers.scale)
    if len(scales) < LEAST or at <= scales[-1]:
        raise UnfitError(
            f"metrics: wanted {LEAST} scales below {at:.3g}, got {np.sum(scales < at)}"
        )
    base = "log share" if "log share" in answers.values else "log-probability"
    if base in answers.values and name not in ("log share", "log-probability"):
        w = np.full((len(_SHARES) * len(rung(base).links), len(answers.cluster)), 1.0)
        w /= w.shape[1]
        through = moved(answers, len(answers.scale) - 1, _draws(answers, base, at), w)
        if name in through:
            return _spread(through[name], answers, name), f"through the ladder from {base}"
    return _spread(_draws(answers, name, at), answers, name), "lines of its own"


def persistence(answers: Answers, name: str) -> Predictive:
    """The value of the largest known subject again, as far off as neighbours have been."""
    y = answers.values[name].mean(axis=1)
    size, floor = float(np.sqrt(np.mean(np.diff(y) ** 2))), _floor(answers, name)
    low, high = _limits(name, floor)
    wide = np.array([max(size, floor)])
    return Predictive.of(y[-1:], wide, df=len(y) - 1, low=low, high=high)


def _draws(answers: Answers, name: str, at: float) -> Floats:
    """Quantiles of the lines of a rung, shape (40 × scales of the fit,)."""
    r, x = rung(name), answers.scale
    y = answers.values[name].mean(axis=1)
    w = weights(x, at)
    t = special.stdtrit(len(x) - 2, _SHARES)
    found = []
    for link in r.links:
        g = r.linked(y, link)
        wide = np.sqrt(residual_variance(x, g) * (1 + w @ w))
        found.append(r.unlinked(w @ g + t * wide, link))
    return np.concatenate(found)


def _spread(draws: Floats, answers: Answers, name: str) -> Predictive:
    """A distribution from draws: a small normal about each, as wide as the draws lie apart."""
    y, floor = np.sort(draws), _floor(answers, name)
    # Over two places on each side, so that the density has no gaps between draws.
    pad = np.concatenate([y[:1], y[:1], y, y[-1:], y[-1:]])
    wide = np.maximum((pad[4:] - pad[:-4]) / 3, floor)
    low, high = _limits(name, floor)
    return Predictive.of(y[:, None], wide[:, None], low=low, high=high)


def _limits(name: str, floor: float) -> tuple[float, float]:
    """Those of the rung, and half an item more where both are finite.

    No item right of n is a score of exactly 0, which no interval within the limits would hold.
    """
    r = rung(name)
    more = 2 * floor if np.isfinite(r.high - r.low) else 0.0
    return r.low - more, r.high + more


def _floor(answers: Answers, name: str) -> float:
    """No forecast is surer than a quarter of an item."""
    r = rung(name)
    size = r.high - r.low if np.isfinite(r.high - r.low) else 1.0
    return 0.25 * size / max(len(answers.cluster), 25)

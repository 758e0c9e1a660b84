"""Does gold follow the known laws of overoptimisation, and where is its peak?

Gao, Schulman and Hilton, "Scaling laws for reward model overoptimization", ICML 2023: with
d = sqrt(KL), the gold gain of best-of-n is d(α - β d), that of reinforcement learning
d(α - β log d). Both are linear in α and β, so a fit is the mean of one fit per prompt, and its
errors are those of a mean.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from calibrant.errors import InputError
from calibrant.judges.pressure.bands import Seed, checked, signs
from calibrant.stats.estimates.intervals import Interval

Floats = NDArray[np.float64]
Form = Literal["best-of-n", "rl"]


@dataclass(frozen=True)
class Peak:
    """Where the fitted gain is highest, in d.

    Attributes:
        value: None if the fitted curve has no peak (β at most 0).
        low, high: Fieller's set for it at the fit's level, cut at 0; `high` is infinite where a
            curve that never turns cannot be ruled out, both are where the curve bends up for sure.
        inside: whether the whole set lies within the d that was seen; None without a value.
    """

    value: float | None
    low: float
    high: float
    inside: bool | None


@dataclass(frozen=True)
class Fit:
    """A law of overoptimisation fitted to gains.

    Attributes:
        form: "best-of-n" or "rl".
        alpha, beta: the coefficients; `alpha_interval`, `beta_interval` by prompt.
        correlation: of the errors of the two.
        peak: of the gain.
        p_value: of the form: small where it cannot be right.
        level: of the intervals and the peak.
        prompts: how many.
    """

    form: Form
    alpha: float
    alpha_interval: Interval
    beta: float
    beta_interval: Interval
    correlation: float
    peak: Peak
    p_value: float
    level: float
    prompts: int

    def gain(self, d: ArrayLike) -> Floats:
        """The fitted gain at d = sqrt(KL)."""
        return np.asarray(_design(np.asarray(d, float), self.form) @ [self.alpha, self.beta])

    def __repr__(self) -> str:
        name = "d(α − β d)" if self.form == "best-of-n" else "d(α − β log d)"
        a, b = self.alpha_interval, self.beta_interval
        text = (
            f"{name}: α = {self.alpha:.4g} [{a.low:.3g}, {a.high:.3g}], "
            f"β = {self.beta:.4g} [{b.low:.3g}, {b.high:.3g}]"
        )
        if self.peak.value is None:
            return text + "; no peak"
        end = f"{self.peak.high:.3g}" if math.isfinite(self.peak.high) else "∞"
        return text + f"; peak at d = {self.peak.value:.3g} [{self.peak.low:.3g}, {end}]"

    def to_dict(self) -> dict[str, Any]:
        """Plain data; an infinite end is None."""
        data = asdict(self)
        for end in ("low", "high"):
            if not math.isfinite(data["peak"][end]):
                data["peak"][end] = None
        return data


def fit(
    d: ArrayLike,
    gains: ArrayLike,
    *,
    form: Form = "best-of-n",
    level: float = 0.95,
    draws: int = 1999,
    seed: Seed = 0,
) -> Fit:
    """Fit a law to gains by prompt, with errors that accumulate over d.

    Weighted least squares with the covariance min(d, d') of a random walk in d, as the answers
    behind a large n are among those behind a small one. Weights that do not depend on the data
    make the fit a mean of one fit per prompt, so intervals are Student's t with whatever
    covariance the prompts really have; weights from an estimated covariance were tried, and
    covered less (88 % at 8 prompts) for no gain in width. The peak α/(2β) (or exp(α/β - 1)) has
    Fieller's set. The form is tested by the largest Student statistic of the residuals, by sign
    flips of prompts.

    Args:
        d: shape (k,), k ≥ 3, square roots of divergences, above 0, all different.
        gains: shape (prompts, k), gold above its value at d = 0.
        form: "best-of-n", or "rl" for checkpoints of reinforcement learning.

    Raises:
        InputError: for other shapes, too few prompts or points, or gains without any spread.
    """
    rows, at = checked(gains), np.asarray(d, dtype=float)
    if form not in ("best-of-n", "rl"):
        raise InputError(f"form: wanted 'best-of-n' or 'rl', got {form!r}")
    if not 0 < level < 1:
        raise InputError(f"level: wanted strictly between 0 and 1, got {level!r}")
    if at.shape != (rows.shape[1],) or at.size < 3:
        raise InputError(f"d: wanted one for each column, at least 3, got {at.size}")
    if not (np.isfinite(at).all() and (at > 0).all() and np.unique(at).size == at.size):
        raise InputError("d: wanted finite numbers above 0, all different")
    x = _design(at, form)
    solve = _weights(x, at)
    each = rows @ solve.T  # one fit per prompt
    prompts = rows.shape[0]
    mean, cov = each.mean(axis=0), np.cov(each.T) / prompts
    if not (np.diag(cov) > 0).all():
        raise InputError("gains: wanted prompts that differ, got the same fit for all")
    t = -float(stdtrit(prompts - 1, (1 - level) / 2))
    error = np.sqrt(np.diag(cov))
    ends = [
        Interval(float(m - t * e), float(m + t * e), level, f"t by prompt, {prompts - 1} df")
        for m, e in zip(mean, error, strict=True)
    ]
    p = _misfit(rows - each @ x.T, float(np.abs(rows).max()), draws, seed)
    return Fit(
        form, float(mean[0]), ends[0], float(mean[1]), ends[1],
        float(np.clip(cov[0, 1] / (error[0] * error[1]), -1, 1)),
        _peak(mean, cov, t, form, float(at.max())), p, level, prompts,
    )  # fmt: skip


def _design(d: Floats, form: Form) -> Floats:
    bend = d**2 if form == "best-of-n" else np.where(d > 0, d * np.log(np.where(d > 0, d, 1)), 0)
    return np.stack([d, -bend], axis=-1)


def _weights(x: Floats, d: Floats) -> Floats:
    """The matrix that makes coefficients of gains, shape (2, k)."""
    working = np.minimum.outer(d, d)
    scaled = np.linalg.solve(working, x)
    return np.asarray(np.linalg.solve(x.T @ scaled, scaled.T))


def _misfit(residuals: Floats, scale: float, draws: int, seed: Seed) -> float:
    """The p-value of "no residual differs from 0 on average", by the largest statistic."""
    size = np.sqrt((residuals**2).mean(axis=0))
    live = size > 1e-9 * scale
    if not live.any():
        return 1.0
    units = residuals[:, live] / size[live] / residuals.shape[0]
    largest = np.abs(signs(residuals.shape[0], draws, seed) @ units).max(axis=1)
    return float(np.mean(largest >= np.abs(units.sum(axis=0)).max() - 1e-9))


def _peak(mean: Floats, cov: Floats, t: float, form: Form, most: float) -> Peak:
    """Fieller's set of the d at which the slope of the law may be 0.

    The slope is α - 2βd, or α - β(1 + log d): α - βx with a rising x. The set of x at which
    |α - βx| ≤ t × its error, for those β that bend the curve down.
    """
    scale = float(np.abs(mean).max()) or 1.0  # only ratios matter
    mean, cov = mean / scale, cov / scale**2
    a, b = float(mean[0]), float(mean[1])
    back = (lambda x: x / 2) if form == "best-of-n" else (lambda x: math.exp(min(x - 1, 700.0)))
    quadratic = b * b - t * t * cov[1, 1]
    half = a * b - t * t * cov[0, 1]
    constant = a * a - t * t * cov[0, 0]
    least = 0.0 if form == "best-of-n" else -math.inf
    low, high = -math.inf, math.inf
    root = half * half - quadratic * constant
    if quadratic > 0:
        step = math.sqrt(max(root, 0.0))
        low, high = (half - step) / quadratic, (half + step) / quadratic
    elif constant > 0 and a > 0:
        # Two rays on either side of 0; with α above 0 the lower belongs to curves that bend up.
        low = (half - math.sqrt(root)) / quadratic if root > 0 else low
    if quadratic > 0 and b < 0:
        return Peak(None, math.inf, math.inf, None)
    low, high = max(low, least), max(high, least)
    value = back(max(a / b, least)) if b > 0 else None
    ends = (0.0 if math.isinf(low) else back(low), math.inf if math.isinf(high) else back(high))
    return Peak(value, *ends, None if value is None else bool(ends[1] <= most))

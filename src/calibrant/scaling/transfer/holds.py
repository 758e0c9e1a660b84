"""Will a claim hold for the next subject of a family? From the rates of those assessed.

The log-odds of subjects' rates are exchangeable: normal with an unknown mean and standard
deviation, or scattered about a line in scale. Counts are binomial. Everything unknown is integrated
on a grid with stated priors; nothing is plugged in, as two or five subjects cannot tell how much
subjects differ (random-effects meta-analysis: Higgins, Thompson and Spiegelhalter, JRSS A 172
(2009) 137).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, gammaln, logit, ndtr

from calibrant._figure import Shown
from calibrant._text import one_line
from calibrant.errors import InputError, UnfitError
from calibrant.scaling.weighted import weighted_quantiles

Floats = NDArray[np.float64]

MEAN_SD = 2.5
"""Prior standard deviation of the mean log-odds about that of the threshold: before any subject is
assessed the claim is as likely to hold as not."""
SPREAD = 1.0
"""Scale of the half-Cauchy prior of the standard deviation of log-odds between subjects."""
SLOPE_SD = 2.0
"""Prior standard deviation of what log-odds change over the range of scale that was assessed."""
FURTHEST = 1.0
"""How far beyond the assessed scales a line is followed, in ranges of them."""
LEAST_ON_SCALE = 4
"""Fewest subjects for a line in scale."""
OUTLYING = 0.05
"""A subject is outlying where its count was this unlikely, given the others; over the subjects."""
_SPREADS = np.geomspace(0.03, 8.0, 22)
_MEANS = np.linspace(-9.0, 9.0, 121)
_SLOPES = np.linspace(-4.0, 4.0, 33) * SLOPE_SD
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(31)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


@dataclass(frozen=True, repr=False)
class Transfer(Shown):
    """The probability that a claim holds for the next subject, and what it rests on.

    Attributes:
        probability: that the next subject's rate satisfies the claim; None if withheld.
        share, share_low, share_high: of the subjects of such a family for which the claim holds:
            posterior median and central interval; the probability is its mean.
        level: of the intervals.
        next_low, next_median, next_high: of the next subject's rate.
        differ: posterior median of the standard deviation of log-odds between subjects.
        sensitivity: the probability under other priors, by name.
        relation, threshold: the claim: rate below (above) threshold.
        subjects, trials: how many were assessed, with how many trials in all.
        slope: change of log-odds over the assessed range of scale (median and interval); None
            without scale.
        distance: how far the next subject is beyond the assessed ones, in units of scale; 0 inside.
        outlying: subjects that the others make unlikely, with p-values.
        withheld: why there is no probability.
        warnings: one sentence each.
    """

    probability: float | None
    share: float | None
    share_low: float | None
    share_high: float | None
    level: float
    next_low: float | None
    next_median: float | None
    next_high: float | None
    differ: float | None
    sensitivity: dict[str, float]
    relation: Literal["below", "above"]
    threshold: float
    subjects: int
    trials: int
    slope: tuple[float, float, float] | None
    distance: float | None
    outlying: dict[str, float]
    withheld: str | None
    warnings: tuple[str, ...]

    def __repr__(self) -> str:
        claim = f"the rate is {self.relation} {self.threshold:.4g}"
        if self.probability is None:
            return f"Whether {claim} for the next subject is not said: {self.withheld}"
        return (
            f"With probability {self.probability:.2f} {claim} for the next subject: "
            f"{self.level:.0%} interval of its rate {self.next_low:.3g} to {self.next_high:.3g}, "
            f"from {self.subjects} subjects"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        from dataclasses import asdict

        return asdict(self)


def will_hold(
    counted: Sequence[float] | Floats,
    trials: Sequence[float] | Floats,
    *,
    threshold: float,
    relation: Literal["below", "above"] = "below",
    subject: Sequence[str] | None = None,
    scale: Sequence[float] | Floats | None = None,
    at: float | None = None,
    level: float = 0.9,
    checks: bool = True,
) -> Transfer:
    """The probability that the next subject's rate is below (above) a threshold.

    Args:
        counted, trials: shape (k,); events and trials of each assessed subject. Counts need not be
            whole, so that a corrected rate can stand for as many trials as its error is worth.
        threshold: strictly between 0 and 1.
        subject: names, for warnings.
        scale: shape (k,), such as log10 of compute: log-odds then scatter about a line.
        at: the next subject's scale; needed with `scale`.
        level: of the intervals.
        checks: whether to look for outlying subjects, and at other priors.

    Raises:
        InputError: for impossible counts, thresholds or scales.
        UnfitError: for a line in scale from fewer than four subjects or one scale.
    """
    x, n = np.asarray(counted, dtype=float), np.asarray(trials, dtype=float)
    names = [f"subject {i + 1}" for i in range(x.size)] if subject is None else list(subject)
    _check(x, n, threshold, level, names)
    z, z_new, distance = _scaled(scale, at, x.size)
    cut = float(logit(threshold))
    held = None
    if x.size < 2:
        held = "one subject says nothing of how much subjects differ"
    elif abs(z_new) > 0.5 + FURTHEST:
        held = (
            f"the next subject is {distance:.2g} beyond the assessed scales, which is further than "
            "they are apart"
        )
    if held:
        return Transfer(
            None, None, None, None, level, None, None, None, None, {}, relation, threshold,
            x.size, round(float(n.sum())), None, distance, {}, held, (),
        )  # fmt: skip
    warnings = [] if x.size > 2 else ["two subjects: how much subjects differ is mostly the prior"]
    grid = _Grid.of(x, n, cut, z)
    post = grid.posterior()
    chance = _chance(post, cut, z_new, relation)
    tails = (0.5, (1 - level) / 2, (1 + level) / 2)
    share = weighted_quantiles(chance, post.weight, tails)
    rate = _next_rate(post, z_new, level)
    outlying = {} if x.size < 3 or not checks else _outlying(grid, x, n, z, names)
    for name, p in outlying.items():
        warnings.append(f"{one_line(name, 60)} is unlike the others (p = {p:.2g})")
    slope = None
    if z is not None:
        middle, low, high = weighted_quantiles(post.slope, post.weight, tails)
        slope = (middle, low, high)
    if distance:
        warnings.append(f"the next subject is {distance:.2g} beyond the assessed scales")
    other = {}
    priors = (("half as much", SPREAD / 2), ("twice as much", SPREAD * 2)) if checks else ()
    for word, size in priors:
        q = grid.posterior(size)
        other[f"subjects differ {word}"] = float(q.weight @ _chance(q, cut, z_new, relation))
    return Transfer(
        float(post.weight @ chance), share[0], share[1], share[2], level,
        rate[1], rate[0], rate[2],
        weighted_quantiles(post.spread, post.weight, tails)[0], other, relation,
        threshold, x.size, round(float(n.sum())), slope, distance, outlying, None, tuple(warnings),
    )  # fmt: skip


def worth(value: float, error: float, trials: float) -> tuple[float, float]:
    """Counts and trials that a corrected rate with a standard error is worth, as if binomial.

    A rate of 0 or 1 is taken half an event inside, so that its error has a size.

    Args:
        value, error: the rate, 0 to 1, and its standard error.
        trials: how many were scored, the most it can be worth.
    """
    if error <= 0:
        return min(max(value, 0.0), 1.0) * trials, trials
    rate = min(max(value, 0.5 / trials), 1 - 0.5 / trials)
    many = min(trials, rate * (1 - rate) / error**2)
    return min(max(value, 0.0), 1.0) * many, many


def _check(x: Floats, n: Floats, threshold: float, level: float, names: list[str]) -> None:
    if not 0 < threshold < 1:
        raise InputError(f"transfer: threshold: wanted between 0 and 1, got {threshold}")
    if not 0 < level < 1:
        raise InputError(f"transfer: level: wanted between 0 and 1, got {level}")
    if x.shape != n.shape or x.ndim != 1 or len(names) != x.size or x.size == 0:
        raise InputError("transfer: wanted as many counts as trials and names, at least one")
    wrong = ~((n > 0) & (x >= 0) & (x <= n))
    if wrong.any():
        i = int(np.flatnonzero(wrong)[0])
        raise InputError(
            f"transfer: {one_line(names[i], 60)}: wanted 0 to {n[i]:g} counted of trials above 0, "
            f"got {x[i]:g} of {n[i]:g}"
        )


def _scaled(
    scale: Sequence[float] | Floats | None, at: float | None, count: int
) -> tuple[Floats | None, float, float | None]:
    """Scales from -½ to ½ over the assessed range, and the next one's; how far beyond it is."""
    if scale is None:
        if at is not None:
            raise InputError("transfer: a scale of the next subject, but none of those assessed")
        return None, 0.0, None
    s = np.asarray(scale, dtype=float)
    if s.shape != (count,) or not np.isfinite(s).all():
        raise InputError("transfer: wanted a finite scale for each subject")
    if at is None or not np.isfinite(at):
        raise InputError("transfer: wanted the scale of the next subject")
    low, high = float(s.min()), float(s.max())
    if count < LEAST_ON_SCALE or high == low:
        raise UnfitError(
            f"transfer: a line in scale needs {LEAST_ON_SCALE} subjects of different scales, got "
            f"{count} at {np.unique(s).size}"
        )
    middle, span = (low + high) / 2, high - low
    return (s - middle) / span, (at - middle) / span, max(0.0, at - high, low - at)


@dataclass(frozen=True, eq=False)
class _Posterior:
    """A grid of means, spreads and slopes with weights; shape (g,) each."""

    mean: Floats
    spread: Floats
    slope: Floats
    weight: Floats


@dataclass(frozen=True, eq=False)
class _Grid:
    """The likelihood of each subject on a grid, shape (k, spreads, slopes, means)."""

    likelihood: Floats
    means: Floats
    slopes: Floats
    cut: float

    @classmethod
    def of(cls, x: Floats, n: Floats, cut: float, z: Floats | None) -> _Grid:
        """Of each subject's counts, at its scale if there is one."""
        means, slopes = cut + _MEANS, np.zeros(1) if z is None else _SLOPES
        shifts = np.zeros(x.size) if z is None else z
        each = [_likelihood(c, t, means, slopes * s) for c, t, s in zip(x, n, shifts, strict=True)]
        return cls(np.stack(each), means, slopes, cut)

    def posterior(self, scale: float = SPREAD, without: int | None = None) -> _Posterior:
        """Weights of the grid: priors times the likelihood of the counts, of one less if asked."""
        log = self.likelihood.sum(axis=0)
        if without is not None:
            log = log - self.likelihood[without]
        log = log - 0.5 * ((self.means - self.cut) / MEAN_SD) ** 2
        log = log - 0.5 * (self.slopes / SLOPE_SD)[:, None] ** 2
        # Equal steps of log spread: the density of the spread times the spread.
        prior = np.log(_SPREADS) - np.log1p((_SPREADS / scale) ** 2)
        log = log + prior[:, None, None]
        weight = np.exp(log - log.max())
        spread, slope, mean = np.meshgrid(_SPREADS, self.slopes, self.means, indexing="ij")
        flat = weight.ravel() / weight.sum()
        keep = flat > 1e-9
        kept = flat[keep] / flat[keep].sum()
        return _Posterior(mean.ravel()[keep], spread.ravel()[keep], slope.ravel()[keep], kept)


def _likelihood(count: float, total: float, means: Floats, shifts: Floats) -> Floats:
    """Log-likelihood of one subject, shape (spreads, slopes, means), integrated over its log-odds.

    The integral is tabulated over the centre of the log-odds, which mean and shift move alike.
    """
    reach = float(np.abs(shifts).max())
    step = means[1] - means[0]
    centre = np.arange(means[0] - reach, means[-1] + reach + step, step)
    found = np.empty((_SPREADS.size, shifts.size, means.size))
    every = np.tile(centre, _SPREADS.size), np.repeat(_SPREADS, centre.size)
    tables = _integrated(count, total, *every).reshape(_SPREADS.size, centre.size)
    for i, table in enumerate(tables):
        for j, shift in enumerate(shifts):
            found[i, j] = np.interp(means + shift, centre, table)
    return found


def _integrated(count: float, total: float, centre: Floats, spread: Floats) -> Floats:
    """Log of the mean of a binomial likelihood over normal log-odds, by adaptive quadrature.

    Gauss–Hermite about the mode of the integrand, with its curvature (Liu and Pierce, Biometrika
    81 (1994) 624): as exact for 10 trials as for 10,000.
    """
    eta = _mode(count, total, centre, spread)
    p = expit(eta)
    width = 1 / np.sqrt(total * p * (1 - p) + 1 / spread**2)
    at = eta[:, None] + width[:, None] * _NODES
    log = count * at - total * np.logaddexp(0, at)
    log -= 0.5 * ((at - centre[:, None]) / spread[:, None]) ** 2
    log += 0.5 * _NODES**2 + np.log(_WEIGHTS) + np.log(width / spread)[:, None]
    top = log.max(axis=1)
    return np.asarray(top + np.log(np.exp(log - top[:, None]).sum(axis=1)))


def _mode(count: float, total: float, centre: Floats, spread: Floats) -> Floats:
    """Where the integrand is highest: between the centre and the log-odds of the count.

    The bracket is halved first: from log-odds where the likelihood is flat, Newton's step lands
    far away, or goes to and fro.
    """
    own = float(logit(count / total)) if 0 < count < total else (-np.inf if count == 0 else np.inf)
    # The binomial's slope is at most `count` and at least `count - total`.
    low = np.maximum(np.minimum(centre, own), centre - spread**2 * (total - count))
    high = np.minimum(np.maximum(centre, own), centre + spread**2 * count)
    for _ in range(16):
        eta = (low + high) / 2
        up = count - total * expit(eta) > (eta - centre) / spread**2
        low, high = np.where(up, eta, low), np.where(up, high, eta)
    eta = (low + high) / 2
    for _ in range(6):
        p = expit(eta)
        slope = count - total * p - (eta - centre) / spread**2
        eta = eta + slope / (total * p * (1 - p) + 1 / spread**2)
    return np.asarray(eta)


def _chance(post: _Posterior, cut: float, z: float, relation: str) -> Floats:
    """The chance that a new subject satisfies the claim, at each point of the grid."""
    away = (cut - post.mean - post.slope * z) / post.spread
    return np.asarray(ndtr(away if relation == "below" else -away))


def _next_rate(post: _Posterior, z: float, level: float) -> tuple[float, float, float]:
    """Median and interval of the rate of a new subject."""
    centre = post.mean + post.slope * z
    low, high = np.full(3, -60.0), np.full(3, 60.0)
    tails = np.array([0.5, (1 - level) / 2, (1 + level) / 2])
    for _ in range(36):
        middle = (low + high) / 2
        reached = ndtr((middle[:, None] - centre) / post.spread) @ post.weight >= tails
        low, high = np.where(reached, low, middle), np.where(reached, middle, high)
    a, b, c = (float(v) for v in expit((low + high) / 2))
    return a, b, c


def _outlying(
    grid: _Grid, x: Floats, n: Floats, z: Floats | None, names: list[str]
) -> dict[str, float]:
    """Subjects whose counts the others make unlikely: two-sided mid-P, Bonferroni over them."""
    found = {}
    for i, name in enumerate(names):
        p = _tail(x[i], n[i], grid.posterior(without=i), 0.0 if z is None else float(z[i]))
        if p * x.size <= OUTLYING:
            found[name] = p * x.size
    return found


def _tail(count: float, total: float, post: _Posterior, z: float) -> float:
    """Two-sided mid-P value of a count, predicted by a posterior."""
    some = np.argsort(-post.weight)[:200]
    weight = post.weight[some] / post.weight[some].sum()
    centre, spread = (post.mean + post.slope * z)[some], post.spread[some]
    whole, seen = round(total), round(count)
    # Beyond 1,000 trials one count stands for its neighbours.
    k = np.arange(0, whole + 1, max(1, whole // 1000))
    seen = seen // (k[1] - k[0]) * (k[1] - k[0]) if whole else seen
    at = centre[:, None] + spread[:, None] * _NODES
    mix = (weight[:, None] * _WEIGHTS).ravel()
    eta = at.ravel()
    choose = gammaln(whole + 1) - gammaln(k + 1) - gammaln(whole - k + 1)
    none = whole * np.logaddexp(0, eta)
    mass = np.array([mix @ np.exp(c + j * eta - none) for c, j in zip(choose, k, strict=True)])
    mass = mass / mass.sum()
    equal = k == k[np.argmin(np.abs(k - seen))]
    below = float(mass[k < k[equal][0]].sum() + mass[equal].sum() / 2)
    return min(1.0, 2 * min(below, 1 - below))

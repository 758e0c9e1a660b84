"""How well were later values forecast at each rung? Tried on the past, in units all rungs share.

At every cut the next scale is forecast from the smaller ones in three ways: as the last value was
(persistence), by lines of the rung itself, and through the ladder: the graded rung is forecast by
lines, and every item's odds are moved until it is met. Errors are compared as skill, the share of
persistence's squared error that is gone.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import special

from calibrant.scaling.metrics.lines import LEAST, Cut, cuts, fieller, weights
from calibrant.scaling.metrics.rungs import (
    Answers,
    Floats,
    Ints,
    of_moved_choices,
    of_probabilities,
    rung,
)  # fmt: skip

Interval = tuple[float, float] | None


@dataclass(frozen=True)
class Tried:
    """What a rung lets one forecast.

    Attributes:
        rung: its name.
        cuts: how many forecasts of a next scale were tried; 0 if there are too few scales.
        skill: of lines of the rung itself: 1 is perfect, 0 as good as persistence, below 0 worse.
            None if nothing was tried or nothing changed.
        skill_interval: over draws of item clusters, for these subjects; None where the changes
            that persistence misses cannot be told from none.
        through: skill through the ladder; None where it cannot be had.
        through_interval: of it.
        rank: Spearman's correlation of values and scale; None if all values are equal.
        item_rank: the median over items of the correlation of their own values with scale, items
            whose values are all equal counted as 0 (Schaeffer et al., 2024).
        signal: the rise from the smallest to the largest scale in standard errors, by sampling of
            item clusters, of a step between neighbouring scales; None where items are not known.
            Rank and signal describe these answers and have no interval: redrawing items does not
            give one that covers.
    """

    rung: str
    cuts: int
    skill: float | None
    skill_interval: Interval
    through: float | None
    through_interval: Interval
    rank: float | None
    item_rank: float | None
    signal: float | None

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def line(x: Floats, y: Floats, name: str, at: float) -> Floats:
    """The forecast of a rung: the mean of its lines, on each of its scales.

    Args:
        x: shape (S,); `y`: shape (..., S); `at`: one scale.

    Returns:
        shape (...).
    """
    r, w = rung(name), weights(x, at)
    return np.asarray(np.mean([r.unlinked(r.linked(y, k) @ w, k) for k in r.links], axis=0))


def moved(answers: Answers, at: int, target: Floats, w: Floats) -> dict[str, Floats]:
    """The rungs if every item's odds of the right answer moved alike until a base rung is met.

    Args:
        at: the subject whose items are moved.
        target: shape (B,), means that are met: of the log share of choices, or of the
            log-probability of free answers.
        w: shape (B, n), weights of items, each row summing to 1.

    Returns:
        of each rung that can be had, shape (B,): of free answers none that says what was answered.
    """
    if answers.logp is not None:
        logp = answers.logp[at]
        odds = logp[:, 0] - special.logsumexp(logp[:, 1:], axis=-1)
    else:
        p = np.minimum(answers.values["log-probability"][at], -1e-12)
        odds = p - np.log(-np.expm1(p))
    aim = np.minimum(target, -1e-9)
    by = _shift(odds, w, aim)[:, None]
    ks = tuple(int(r[5:]) for r in answers.values if r.startswith("pass^"))
    if answers.logp is not None:
        # What the right answer's own log-probability would be is not said by its share.
        found = of_moved_choices(answers.logp[at], by, ks)
    else:
        found = of_probabilities(special.log_expit(odds + by), None, ks)
    return {r: np.sum(w * v, axis=1) for r, v in found.items() if r in answers.values}


def _shift(odds: Floats, w: Floats, aim: Floats) -> Floats:
    """b such that w @ log_expit(odds + b) is aim, shape (B,): Newton's steps within a bracket."""
    low, high = np.full(len(aim), -60.0), np.full(len(aim), 60.0)
    b = np.zeros(len(aim))
    for _ in range(45):
        log = special.log_expit(odds + b[:, None])
        off = aim - np.sum(w * log, axis=1)
        if np.all(np.abs(off) <= 1e-12 * np.maximum(1.0, np.abs(aim))):
            break
        low, high = np.where(off > 0, b, low), np.where(off > 0, high, b)
        slope = np.sum(w * -np.expm1(log), axis=1)
        step = b + off / np.maximum(slope, 1e-300)
        b = np.where((step > low) & (step < high), step, (low + high) / 2)
    return b


def resampled(cluster: Ints, draws: int, rng: np.random.Generator) -> Floats:
    """Weights of items, shape (1 + draws, n): the sample itself, then whole clusters redrawn."""
    groups = int(cluster.max()) + 1
    many = rng.multinomial(groups, np.full(groups, 1 / groups), size=draws)
    w = np.vstack([np.ones(groups), many])[:, cluster].astype(float)
    return np.asarray(w / np.maximum(w.sum(axis=1, keepdims=True), 1e-300))


def backtest(
    answers: Answers, base: str | None, *, draws: int, level: float, seed: int
) -> tuple[Tried, ...]:
    """Try every rung on the past.

    Args:
        base: the graded rung that is forecast for the way through the ladder; None without one.
        draws: of item clusters, for intervals.
    """
    known = len(answers.cluster) > 1 and int(answers.cluster.max()) > 0
    rng = np.random.default_rng(seed)
    w = resampled(answers.cluster, draws if known else 0, rng)
    means = {r: v @ w.T for r, v in answers.values.items()}  # (S, 1 + draws)
    if known:
        for r, y in means.items():
            means[r] = unseen(answers, r, y, rng)
    every = cuts(answers.scale, LEAST)
    through = [_through(answers, base, means, c, w) for c in every] if base else []
    return tuple(
        _tried(answers, r, means[r].T, every, [t[r] for t in through if r in t], level, known)
        for r in answers.values
    )


def unseen(answers: Answers, name: str, y: Floats, rng: np.random.Generator) -> Floats:
    """Redrawn means of a rung, where subjects whose items are all at its end may be off it.

    Redrawing n answers that are all wrong says that the rate is 0 without error. It is drawn from
    Jeffreys' posterior of none in as many as there are clusters, Beta(1/2, n + 1/2).
    """
    r, v = rung(name), answers.values[name]
    if not np.isfinite(r.high - r.low):
        return y
    groups = int(answers.cluster.max()) + 1
    found = y.copy()
    for end, sign in ((r.low, 1.0), (r.high, -1.0)):
        stuck = np.flatnonzero(np.all(np.abs(v - end) <= 1e-12, axis=1))
        off = rng.beta(0.5, groups + 0.5, (stuck.size, y.shape[1] - 1))
        found[stuck, 1:] = end + sign * (r.high - r.low) * off
    return found


def _through(
    answers: Answers, base: str, means: dict[str, Floats], cut: Cut, w: Floats
) -> dict[str, Floats]:
    below, above = cut
    x = answers.scale
    target = line(x[below], means[base].T[:, below], base, float(x[above].mean()))
    found: dict[str, list[Floats]] = {}
    each = max(1, 4_000_000 // w.shape[1])  # in parts, so that many items do not fill the memory
    for i in range(0, len(w), each):
        part = moved(answers, int(below[-1]), target[i : i + each], w[i : i + each])
        for r, v in part.items():
            found.setdefault(r, []).append(v)
    return {r: np.concatenate(v) for r, v in found.items()}


def _tried(
    answers: Answers, name: str, y: Floats, every: list[Cut], through: list[Floats],
    level: float, known: bool,
) -> Tried:  # fmt: skip
    x = answers.scale
    errors, others, last = (np.zeros((len(every), len(y))) for _ in range(3))
    for i, (below, above) in enumerate(every):
        truth = y[:, above].mean(axis=1)
        errors[i] = line(x[below], y[:, below], name, float(x[above].mean())) - truth
        last[i] = y[:, below][:, x[below] == x[below].max()].mean(axis=1) - truth
        if through:
            others[i] = through[i] - truth
    gone = np.sum(last**2, axis=0)
    own = _skill(errors, gone)
    by = _skill(others, gone) if through else np.full(len(y), np.nan)
    rank = spearman(x, y[:1])[0]
    signal = _signal(answers, name, y[:1])[0] if known else np.nan
    items = np.nan_to_num(spearman(x, answers.values[name].T)) if known else np.array([np.nan])
    groups = int(answers.cluster.max()) + 1
    size = rung(name).high - rung(name).low
    # A sample of items may lack the few that make a small rate: none is known to better than this.
    least = 0.1 * size / groups if np.isfinite(size) else 0.0

    def skilled(found: Floats, e: Floats) -> tuple[float | None, Interval]:
        first = _or_none(found[0])
        return first, None if first is None else skill_interval(e, last, groups, level, least)

    return Tried(
        name, len(every), *skilled(own, errors), *skilled(by, others), _or_none(rank),
        _or_none(np.median(items)), _or_none(signal),
    )  # fmt: skip


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def skill_interval(
    errors: Floats, last: Floats, groups: int, level: float, least: float = 0.0
) -> Interval:
    """The interval of skill, 1 - |e|² / |p|², for errors e of a forecast and p of persistence.

    Squares of noisy errors are too large by the noise's variance, which is taken off, and what is
    left of both is a ratio: Fieller's interval (1954, JRSS B 16) of |e|² - tr / |p|² - tr, whose
    variances are those of quadratic forms of normal errors. The covariance of errors is that of
    redrawn clusters.

    Args:
        errors, last: shape (cuts, 1 + draws): of the sample itself first, then of redrawn ones.
        groups: clusters of items.
        least: standard error that every score has at least, in the units of errors: what redrawn
            items do not show where a rate is made by few of them. It widens, and is not taken off.

    Returns:
        None where the changes that persistence misses cannot be told from none, so that a ratio
        to them has no ends, or without enough redrawn samples.
    """
    k, rest = len(errors), np.vstack([errors, last])
    fine = np.isfinite(rest[:, 1:]).all(axis=0)
    if k == 0 or fine.sum() < 20 or groups < 2:
        return None
    cov = np.cov(rest[:, 1:][:, fine]) * groups / (groups - 1)
    e, p = rest[:k, 0], rest[k:, 0]
    ee, ep, pp = cov[:k, :k], cov[:k, k:], cov[k:, k:]
    told = np.array([e @ e - np.trace(ee), p @ p - np.trace(pp)])
    # Of each error least² for what came and least² for what was forecast; both share what came.
    ee, ep, pp = (m + by * least**2 * np.eye(k) for m, by in ((ee, 2), (ep, 1), (pp, 2)))
    v01 = 4 * e @ ep @ p + 2 * np.sum(ep * ep)
    v = np.array([
        [4 * e @ ee @ e + 2 * np.sum(ee * ee), v01],
        [v01, 4 * p @ pp @ p + 2 * np.sum(pp * pp)],
    ])  # fmt: skip
    if told[1] <= 0:
        return None
    ends = fieller(told, v, float(special.stdtrit(groups - 1, (1 + level) / 2)))
    if ends is None:
        return None
    here = 1 - float(e @ e / (p @ p))
    return min(1 - ends[1], here), min(max(1 - ends[0], here), 1.0)


def _skill(errors: Floats, gone: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        found = 1 - np.sum(errors**2, axis=0) / gone
    return np.where(gone > 1e-18, found, np.nan)


def _signal(answers: Answers, name: str, y: Floats) -> Floats:
    """The rise over all scales, by the noise of a step that the sampling of items makes."""
    v, better = answers.values[name], rung(name).better
    step = np.diff(v, axis=0)
    step = step - step.mean(axis=1, keepdims=True)
    groups = int(answers.cluster.max()) + 1
    sums = np.zeros((groups, len(step)))
    np.add.at(sums, answers.cluster, step.T)
    noise = np.sqrt(np.mean(np.sum(sums**2, axis=0)) * groups / (groups - 1)) / v.shape[1]
    rise = better * (y[:, -1] - y[:, 0])
    return np.asarray(rise / noise) if noise > 0 else np.full(len(y), np.nan)


def spearman(x: Floats, y: Floats) -> Floats:
    """Of x, shape (S,), with each row of y, shape (B, S); NaN where all of a row are equal."""
    a, b = ranked(x[None]), ranked(y)
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    size = np.sqrt(np.sum(a * a, axis=1) * np.sum(b * b, axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(size > 0, np.sum(a * b, axis=1) / size, np.nan))


def ranked(y: Floats) -> Floats:
    """Ranks within each row, shape (B, S); equal values share the mean of theirs."""
    below = np.zeros(y.shape)
    for k in range(y.shape[1]):
        below += (y > y[:, [k]]) + 0.5 * (y == y[:, [k]])
    return below

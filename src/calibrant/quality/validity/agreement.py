"""Does a benchmark order models as others do? Agreement with a reference, and how high it can be.

After Perlitz et al., *Do These LLM Benchmarks Agree?* (2024): agreement depends on how many models
are compared and how close they are, so it is given for random and for adjacent models; a single
reference is a matter of taste, so by default it is the aggregate of all other benchmarks; and what
is high is said by how the other benchmarks agree with theirs. Beside it stands what noise allows:
the coefficient that two benchmarks with these errors would reach if they measured one thing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.quality.validity.measures import Measures, mean_scores
from calibrant.stats.relations.correlations import (
    kendall,
    kendall_without,
    pearson,
    ranks,
    standard,
)
from calibrant.stats.relations.spread import (
    LEAST_FAMILIES,
    Estimate,
    check_level,
    effective_families,
    estimates,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SIZES = (5, 10, 20, 40)
"""Numbers of models for which agreement is shown."""

MOST_SUBJECTS = 3000
"""Subjects beyond which agreement by numbers of models is not shown."""

_SPLITS = 40


@dataclass(frozen=True)
class BySize:
    """Kendall's τ-b among a few models: its mean and standard deviation over choices of models.

    Attributes:
        models: how many.
        random, random_sd: of models drawn at random.
        adjacent, adjacent_sd: of models next to each other in the reference.
    """

    models: int
    random: float
    random_sd: float
    adjacent: float
    adjacent_sd: float


@dataclass(frozen=True)
class BenchmarkAgreement:
    """How far a benchmark orders models as a reference does.

    Attributes:
        benchmark, reference: names; the reference may be the aggregate of all others.
        tau, spearman, pearson: with intervals for models of other families.
        redraw: the standard deviation of τ over redrawn items, for these models; None without
            items.
        ceiling: τ if the two measured one thing with the errors that they have; None without
            items of both.
        z: how many standard deviations τ lies above that of other benchmarks with the aggregate
            of their others; None for fewer than four others.
        by_size: agreement among few models.
    """

    benchmark: str
    reference: str
    tau: Estimate
    spearman: Estimate
    pearson: Estimate
    redraw: float | None
    ceiling: float | None
    z: float | None
    by_size: tuple[BySize, ...]

    def __repr__(self) -> str:
        text = f"{self.benchmark} with {self.reference}: tau {self.tau!r}"
        if self.ceiling is not None:
            text += f"; noise allows {self.ceiling:.2f}"
        return one_line(text, 300)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def agreement(
    measures: Measures,
    *,
    reference: str | None = None,
    level: float = 0.95,
    draws: int = 200,
    seed: int = 0,
) -> tuple[BenchmarkAgreement, ...]:
    """How far each benchmark orders models as a reference does.

    Args:
        reference: a measure; by default the mean of all others' standardised scores, which
            never holds the benchmark itself.
        level: of each interval.
        draws: choices of models, and redrawn sets of items.
        seed: of these.

    Raises:
        InputError: for an unknown reference, or fewer than two measures.
    """
    check_level(level)
    k = len(measures.names)
    if k < 2:
        raise InputError(f"agreement: wanted at least two measures, got {k}")
    at = None if reference is None else measures.index(reference)
    family = np.unique(measures.family, return_inverse=True)[1].ravel()
    others = [_aggregate(measures.values, j) for j in range(k)]
    usual = np.array([kendall(measures.values[:, j], others[j]) for j in range(k)])
    halves = _halves(measures, np.random.default_rng([seed, 0]))
    found = []
    for j in range(k):
        if j == at:
            continue
        other = others[j] if at is None else measures.values[:, at]
        rng = np.random.default_rng([seed, 1, j])
        mine = measures.values[:, j]
        tau = family_tau(mine, other, family, level)
        rank, line = estimates(_both(mine, other), measures.family, level=level)
        rest = np.delete(usual, j)
        sd = float(rest.std(ddof=1)) if rest.size >= 4 else 0.0
        z = None
        if sd > 0 and tau.value is not None:
            z = (tau.value - float(rest.mean())) / sd
        found.append(BenchmarkAgreement(
            measures.names[j], "all others" if reference is None else reference, tau, rank, line,
            _redraw(measures, j, at, rng, draws), _ceiling(halves, j, at), z,
            _by_size(mine, other, rng, draws),
        ))  # fmt: skip
    return tuple(found)


def _aggregate(values: Floats, without: int) -> Floats:
    """The mean of standardised scores on all measures but one."""
    return np.asarray(np.delete(standard(values), without, axis=1).mean(axis=1))


def _both(x: Floats, y: Floats) -> Any:
    both = np.column_stack([x, y])

    def statistic(rows: Ints) -> Floats:
        return np.array([pearson(ranks(both[rows]))[0, 1], pearson(both[rows])[0, 1]])

    return statistic


def family_tau(x: Floats, y: Floats, family: Ints, level: float) -> Estimate:
    """τ-b with the jackknife of families, on Fisher's scale."""
    every = kendall_without(x, y, family)
    groups = every.size - 1
    if not np.isfinite(every).all():
        return Estimate(None, None, None, level, "all are tied")
    value = float(every[0])
    if groups < LEAST_FAMILIES:
        why = f"wanted at least {LEAST_FAMILIES} families, got {groups}"
        return Estimate(value, None, None, level, why)
    if abs(value) >= 1 - 1e-12:
        return Estimate(value, None, None, level, "the orders are the same")
    moved = np.arctanh(np.clip(every, -1 + 1e-12, 1 - 1e-12))
    apart = moved[1:] - moved[1:].mean()
    error = float(np.sqrt((groups - 1) / groups * (apart @ apart)))
    t = float(stdtrit(max(effective_families(family) - 1, 1.0), 0.5 + level / 2))
    low, high = np.tanh([moved[0] - t * error, moved[0] + t * error])
    return Estimate(value, float(low), float(high), level)


def _halves(measures: Measures, rng: np.random.Generator) -> list[tuple[Floats, Floats]]:
    """Scores from random halves of items, shape (subjects, measures), for some splits."""
    if not measures.parts or min(p.shape[1] for p in measures.parts) < 2:
        return []
    found = []
    for _ in range(_SPLITS):
        one, two = [], []
        for part in measures.parts:
            order = rng.permutation(part.shape[1])
            middle = order.size // 2
            one.append(_scores(part[:, order[:middle]]))
            two.append(_scores(part[:, order[middle:]]))
        found.append((np.column_stack(one), np.column_stack(two)))
    return found


def _scores(part: Floats) -> Floats:
    """Mean scores; the mean of all for who has none of these items."""
    some = ~np.isnan(part).all(axis=1)
    out = np.full(len(part), np.nan)
    out[some] = mean_scores(part[some])
    out[~some] = out[some].mean()
    return out


def _ceiling(halves: list[tuple[Floats, Floats]], j: int, at: int | None) -> float | None:
    """τ of two normal scores of one truth, with the errors of both (τ = 2/π arcsin ρ)."""
    if not halves:
        return None

    def repeat(pick: Any) -> float:
        """The reliability of whole scores in ranks, from halves, by Spearman and Brown."""
        tau = np.mean([kendall(pick(one), pick(two)) for one, two in halves])
        r = float(np.sin(np.pi / 2 * tau))
        return max(2 * r / (1 + r), 0.0) if r > -1 else 0.0

    mine = repeat(lambda x: x[:, j])
    other = repeat((lambda x: _aggregate(x, j)) if at is None else (lambda x: x[:, at]))
    return float(2 / np.pi * np.arcsin(np.sqrt(mine * other)))


def _redraw(
    measures: Measures, j: int, at: int | None, rng: np.random.Generator, draws: int
) -> float | None:
    """The standard deviation of τ over items drawn again, in both benchmarks."""
    if not measures.parts or any(np.isnan(p).any() for p in measures.parts):
        return None
    drawn = {}
    for i, part in enumerate(measures.parts):
        if at is not None and i not in (j, at):
            continue
        items = part.shape[1]
        share = rng.multinomial(items, np.full(items, 1 / items), size=draws) / items
        drawn[i] = part @ share.T
    taus = np.empty(draws)
    for d in range(draws):
        if at is None:
            rest = standard(np.column_stack([v[:, d] for i, v in drawn.items() if i != j]))
            other = rest.mean(axis=1)
        else:
            other = drawn[at][:, d]
        taus[d] = kendall(drawn[j][:, d], other)
    taus = taus[np.isfinite(taus)]
    return float(taus.std(ddof=1)) if taus.size > 1 else None


def _by_size(x: Floats, y: Floats, rng: np.random.Generator, draws: int) -> tuple[BySize, ...]:
    n = x.size
    if n > MOST_SUBJECTS:
        return ()
    sx, sy = np.sign(x[:, None] - x), np.sign(y[:, None] - y)
    squares = sx * sy, np.abs(sx), np.abs(sy)
    order = np.argsort(y, kind="stable")
    found = []
    for size in SIZES:
        if size >= n:
            break
        random = np.zeros((draws, n))
        chosen = np.argsort(rng.random((draws, n)), axis=1)[:, :size]
        np.put_along_axis(random, chosen, 1.0, axis=1)
        starts = np.arange(n - size + 1)
        windows = np.zeros((starts.size, n))
        np.put_along_axis(windows, order[starts[:, None] + np.arange(size)], 1.0, axis=1)
        means = []
        for some in (random, windows):
            # Sums over pairs inside each choice, as quadratic forms of its indicator.
            num, tx, ty = (((some @ q) * some).sum(axis=1) for q in squares)
            under = np.sqrt(tx * ty)
            tau = num[under > 0] / under[under > 0]
            means += [float(tau.mean()), float(tau.std())] if tau.size else [0.0, 0.0]
        found.append(BySize(size, *means))
    return tuple(found)

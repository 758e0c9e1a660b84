"""How much do two measures share, without error, and beside general ability?

A correlation of noisy scores is too small; divided by the root of the reliabilities (Spearman,
American Journal of Psychology 15 (1904) 72) it is that of what they measure, and may come out
above 1. Most benchmarks of AI models mostly measure one general ability: what two of them share
beside it is a partial correlation given a component of the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant._text import one_line
from calibrant.errors import InputError
from calibrant.quality.validity.measures import Measures, reliability_of
from calibrant.stats.relations.correlations import (
    first_component,
    pearson,
    ranks,
    spearman,
    standard,
)
from calibrant.stats.relations.spread import Estimate, corrected, estimates

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_PARTIAL = 24
"""Measures beyond which partial correlations of all pairs are not computed."""


@dataclass(frozen=True)
class Pair:
    """What two measures share.

    Attributes:
        one, two: the measures.
        pearson: their correlation.
        spearman: that of their ranks.
        true: that of what they measure, without error; undefined without items. Not clipped:
            a value above 1 says so in its note; its interval ends at 1.
        partial: their correlation given the first component of all other measures; undefined for
            fewer than three others.
    """

    one: str
    two: str
    pearson: Estimate
    spearman: Estimate
    true: Estimate
    partial: Estimate

    def __repr__(self) -> str:
        return one_line(f"{self.one}, {self.two}: r {self.pearson!r}", 300)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


@dataclass(frozen=True)
class Capability:
    """How much of a measure is general ability, and what is left.

    Attributes:
        measure: its name.
        pearson: its correlation with the first component of the capability measures.
        spearman: that of ranks.
        left: the share of its variance that the component does not explain, 1 − r².
        error: the share that is error of measurement, 1 − reliability; None where not known.
        own: what is left less the error: what it reliably measures beside ability; None where
            not known. An interval that reaches 0 says that there may be nothing.
    """

    measure: str
    pearson: Estimate
    spearman: Estimate
    left: Estimate
    error: float | None
    own: Estimate

    def __repr__(self) -> str:
        return one_line(f"{self.measure}: r with ability {self.pearson!r}", 300)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def pairs(measures: Measures, *, level: float = 0.95) -> tuple[Pair, ...]:
    """Every two measures' correlation: seen, of ranks, without error, and given general ability.

    Args:
        measures: at least two; without error only where each has items.
        level: of each interval.
    """
    one, two = np.triu_indices(len(measures.names), 1)
    known = bool(measures.parts)

    def plain(rows: Ints) -> Floats:
        return pearson(measures.values[rows])[one, two]

    def ranked(rows: Ints) -> Floats:
        return spearman(measures.values[rows])[one, two]

    def true(rows: Ints) -> Floats:
        reliability = np.array([reliability_of(p[rows]) for p in measures.parts])
        root = np.sqrt(np.where(reliability > 0, reliability, np.nan))
        return np.column_stack([plain(rows), root[one] * root[two]])

    nothing = [Estimate(None, None, None, level, "the error of scores is not known")] * one.size
    seen = estimates(plain, measures.family, level=level)
    order = estimates(ranked, measures.family, level=level)
    pure = corrected(true, measures.family, level=level) if known else nothing
    partial = _partials(measures, level)
    names = measures.names
    return tuple(
        Pair(names[a], names[b], *four)
        for a, b, *four in zip(one, two, seen, order, pure, partial, strict=True)
    )


def _partials(measures: Measures, level: float) -> list[Estimate]:
    k = len(measures.names)
    chosen = list(combinations(range(k), 2))
    if not 5 <= k <= MOST_PARTIAL:
        why = "fewer than three other measures" if k < 5 else f"more than {MOST_PARTIAL} measures"
        return [Estimate(None, None, None, level, why) for _ in chosen]

    def statistic(rows: Ints) -> Floats:
        z = standard(measures.values[rows])
        out = []
        for a, b in chosen:
            rest = np.delete(z, (a, b), axis=1)
            r = pearson(np.column_stack([z[:, a], z[:, b], first_component(rest)]))
            under = (1 - r[0, 2] ** 2) * (1 - r[1, 2] ** 2)
            out.append((r[0, 1] - r[0, 2] * r[1, 2]) / np.sqrt(under) if under > 0 else np.nan)
        return np.array(out)

    return estimates(statistic, measures.family, level=level)


def capability(
    measures: Measures, *, of: Sequence[str] | None = None, level: float = 0.95
) -> tuple[Capability, ...]:
    """How far each measure is general ability under another name ("safetywashing").

    The component is the first principal one of standardised capability measures (Ren et al.,
    *Safetywashing*, 2024); a measure never is part of the component it is compared with.

    Args:
        measures: at least four.
        of: the measures that ability is taken from; by default all others.
        level: of each interval.

    Raises:
        InputError: for fewer than three capability measures beside any measure, or an unknown one.
    """
    k = len(measures.names)
    base = np.arange(k) if of is None else np.array(sorted({measures.index(n) for n in of}))
    if min(np.setdiff1d(base, [j]).size for j in range(k)) < 3:
        raise InputError(
            "capability: wanted at least three other measures to take ability from, "
            f"got {min(np.setdiff1d(base, [j]).size for j in range(k))}"
        )
    known = bool(measures.parts)

    def statistic(rows: Ints) -> Floats:
        x = measures.values[rows]
        whole = first_component(x[:, base])
        scores = np.column_stack([
            first_component(x[:, np.setdiff1d(base, [j])]) if j in base else whole
            for j in range(k)
        ])  # fmt: skip
        r = _columns(x, scores)
        return np.concatenate([r, _columns(ranks(x), ranks(scores))])

    def own(rows: Ints) -> Floats:
        error = np.array([1 - reliability_of(p[rows]) for p in measures.parts])
        return np.asarray(1 - statistic(rows)[:k] ** 2 - error)

    both = estimates(statistic, measures.family, level=level)
    nothing = Estimate(None, None, None, level, "the error of scores is not known")
    rest = (
        estimates(own, measures.family, scale="plain", level=level, bounds=(-1.0, 1.0))
        if known
        else [nothing] * k
    )
    return tuple(
        Capability(
            measures.names[j], both[j], both[k + j], _left(both[j]),
            float(1 - measures.reliability[j]) if np.isfinite(measures.reliability[j]) else None,
            rest[j],
        )
        for j in range(k)
    )  # fmt: skip


def _left(r: Estimate) -> Estimate:
    """1 − r², its interval that of r."""
    if r.value is None:
        return r
    if r.low is None or r.high is None:
        return Estimate(1 - r.value**2, None, None, r.level, r.note)
    most = max(r.low**2, r.high**2)
    least = 0.0 if r.low <= 0 <= r.high else min(r.low**2, r.high**2)
    return Estimate(1 - r.value**2, 1 - most, 1 - least, r.level)


def _columns(x: Floats, y: Floats) -> Floats:
    """The correlation of each column with that of another matrix."""
    zx, zy = standard(x), standard(y)
    r = (zx * zy).mean(axis=0)
    return np.asarray(np.where(zx.any(axis=0) & zy.any(axis=0), np.clip(r, -1, 1), np.nan))

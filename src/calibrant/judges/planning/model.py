"""What is assumed of the judge before the labels are bought? Strata of items and their rates."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import InputError
from calibrant.judges.calibration.crossfit import calibration_map

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BINS = 5
"""Most strata of a judge's score; of its doubt, within a verdict, at most three."""

PRIOR = 2.0
"""Labels that the overall rate is worth in each stratum."""

FIRST = 20
"""Fewest pilot labels from which a plan is made."""


@dataclass(frozen=True, eq=False)
class Model:
    """Items in strata that the judge's values make, and what is known of each stratum's rate.

    Attributes:
        stratum: shape (N,), of every item.
        names: what each stratum is.
        sizes: shape (C,), items in each.
        value: shape (C,), the judge's mean value in each.
        rate: shape (C,), the expected rate of positive gold labels.
        strength: shape (C,), labels behind each rate; infinite where it is assumed.
        pilot: positions of items that have a gold label.
        gold: their labels.
        finer: shape (N,), the expected spread of the gold label of every item, above 0; within
            strata it differs by score or doubt.
        source: "pilot" or "assumed".
    """

    stratum: Ints
    names: tuple[str, ...]
    sizes: Ints
    value: Floats
    rate: Floats
    strength: Floats
    pilot: Ints
    gold: Floats
    finer: Floats
    source: str

    @property
    def items(self) -> int:
        """N."""
        return int(self.stratum.size)

    @property
    def share(self) -> Floats:
        """Shares of the items, shape (C,)."""
        return np.asarray(self.sizes / self.items)

    @property
    def overall(self) -> float:
        """The expected rate of positive gold labels."""
        return float(self.share @ self.rate)

    @property
    def spread(self) -> Floats:
        """Root of the expected variance of a label in each stratum, shape (C,).

        What is not known of a rate counts as variance: little-known strata get more labels.
        """
        p, m = self.rate, self.strength
        shrink = 1 / (1 + 1 / m)
        return np.asarray(np.sqrt(np.maximum(p * (1 - p) * shrink, 1e-6)))

    def rates(self, draws: int, rng: np.random.Generator) -> Floats:
        """Plausible rates of the strata, shape (draws, C): drawn from Beta, or the assumed ones."""
        if np.isinf(self.strength).all():
            return np.broadcast_to(self.rate, (draws, self.rate.size))
        a = np.maximum(self.rate * self.strength, 1e-3)
        b = np.maximum((1 - self.rate) * self.strength, 1e-3)
        return np.asarray(rng.beta(a, b, size=(draws, self.rate.size)))

    def pilot_labels(self) -> Ints:
        """Labels that each stratum already has, shape (C,)."""
        return np.bincount(self.stratum[self.pilot], minlength=self.sizes.size)

    def gain(self, level: float, seed: int) -> tuple[float, float | None, float | None]:
        """What the judge is worth: effective labels per label at random, and its interval.

        The variance of a label over its mean variance within strata; limits from plausible rates,
        None where rates are assumed.
        """

        def of(p: Floats) -> Floats:
            mean = p @ self.share
            within = (p * (1 - p)) @ self.share
            top = mean * (1 - mean)
            # A judge that is never wrong is worth very much, not infinitely much.
            found = top / np.maximum(within, np.maximum(top * 1e-6, 1e-300))
            return np.asarray(np.where(top > 0, found, 1.0))

        value = float(of(self.rate[None, :])[0])
        if np.isinf(self.strength).all():
            return value, None, None
        drawn = of(self.rates(4000, np.random.default_rng(seed)))
        low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
        return value, float(low), float(high)


def strata_of(judge: Floats, doubt: Floats | None) -> tuple[Ints, tuple[str, ...]]:
    """Strata by the judge's verdict or score, and within a verdict by its doubt."""
    distinct, which = np.unique(judge, return_inverse=True)
    if distinct.size <= BINS:
        base = np.asarray(which, dtype=np.int64)
        names = [f"judge {v:g}" for v in distinct]
    else:
        edges = np.unique(np.quantile(judge, np.linspace(0, 1, BINS + 1)[1:-1]))
        base = np.searchsorted(edges, judge, side="right")
        ends = np.concatenate([[judge.min()], edges, [judge.max()]])
        names = [f"judge {a:.3g} to {b:.3g}" for a, b in pairwise(ends)]
    if doubt is not None and distinct.size <= BINS:
        parts = 3 if distinct.size <= 2 else 2
        edges = np.unique(np.quantile(doubt, np.linspace(0, 1, parts + 1)[1:-1]))
        fine = np.searchsorted(edges, doubt, side="right")
        words = ["little", "some", "much"] if edges.size == 2 else ["less", "more"]
        base = base * (edges.size + 1) + fine
        if edges.size:
            names = [f"{n}, {w} doubt" for n in names for w in words[: edges.size + 1]]
    kept, stratum = np.unique(base, return_inverse=True)
    return np.asarray(stratum, dtype=np.int64), tuple(names[k] for k in kept)


def from_pilot(judge: Floats, doubt: Floats | None, pilot: Ints, gold: Floats) -> Model:
    """What a uniform random pilot of gold labels 0 and 1 says.

    Raises:
        InputError: for fewer than 20 labels, or others than 0 and 1.
    """
    bad = np.flatnonzero((gold != 0) & (gold != 1))
    if bad.size:
        raise InputError(f"gold: plans are for labels 0 and 1, got {gold[bad[0]]:g}")
    if pilot.size < FIRST:
        raise InputError(
            f"gold: wanted a pilot of at least {FIRST} labels, got {pilot.size}; or state a "
            "sensitivity, a specificity and a rate"
        )
    stratum, names = strata_of(judge, doubt)
    sizes = np.bincount(stratum, minlength=len(names))
    n = np.bincount(stratum[pilot], minlength=len(names))
    k = np.bincount(stratum[pilot], weights=gold, minlength=len(names))
    overall = (float(gold.sum()) + 0.5) / (gold.size + 1)
    rate = (k + PRIOR * overall) / (n + PRIOR)
    value = _means(stratum, judge, sizes)
    return Model(
        stratum, names, sizes, value, rate, np.asarray(n + PRIOR, np.float64), pilot, gold,
        _finer(judge, doubt, pilot, gold), "pilot",
    )  # fmt: skip


def _finer(judge: Floats, doubt: Floats | None, pilot: Ints, gold: Floats) -> Floats:
    """The expected spread of every item's label, from logistic maps of score and of doubt."""
    p = calibration_map(judge[pilot], gold, method="platt")(judge)
    if doubt is None:
        return np.asarray(np.sqrt(np.maximum(p * (1 - p), 1e-4)))
    error = (gold - p[pilot]) ** 2
    expected = calibration_map(doubt[pilot], np.clip(error, 0, 1), method="platt")(doubt)
    return np.asarray(np.sqrt(np.maximum(expected, 1e-4)))


def from_assumptions(
    judge: Floats | None,
    items: int,
    sensitivity: float,
    specificity: float,
    rate: float | None,
    doubt: Floats | None = None,
) -> Model:
    """What a sensitivity, a specificity and a rate say of a judge with verdicts 0 and 1.

    Args:
        judge: shape (N,), verdicts; None if the items are not judged yet.
        rate: of positive gold labels; None to take what the verdicts imply.

    Raises:
        InputError: for values outside 0–1, a judge that says nothing, scores in place of verdicts,
            or a rate that is needed and absent.
    """
    for name, x in (("sensitivity", sensitivity), ("specificity", specificity), ("rate", rate)):
        if x is not None and not 0 <= x <= 1:
            raise InputError(f"{name}: wanted 0–1, got {x!r}")
    youden = sensitivity + specificity - 1
    if youden <= 0:
        raise InputError(
            f"judge: wanted sensitivity + specificity above 1, got {sensitivity:g} + "
            f"{specificity:g}: its verdicts say nothing"
        )
    if judge is None:
        if rate is None:
            raise InputError("rate: wanted an assumed rate where items are not judged yet")
        apparent = rate * sensitivity + (1 - rate) * (1 - specificity)
        judge = (np.arange(items) < round(apparent * items)).astype(np.float64)
    if np.any((judge != 0) & (judge != 1)):
        raise InputError(
            "judge: a sensitivity and a specificity are for verdicts 0 and 1, got scores; "
            "for scores give a pilot of gold labels"
        )
    if rate is None:
        rate = min(1.0, max(0.0, (float(judge.mean()) + specificity - 1) / youden))
    stratum, names = strata_of(judge, None)
    sizes = np.bincount(stratum, minlength=len(names))
    value = _means(stratum, judge, sizes)
    found = rate * sensitivity, rate * (1 - sensitivity)
    other = (1 - rate) * (1 - specificity), (1 - rate) * specificity
    each = [_ratio(f, o) for f, o in zip(found, other, strict=True)]  # of verdicts 1 and 0
    p = np.asarray(np.where(value == 1, each[0], each[1]), np.float64)
    finer = np.asarray(np.sqrt(np.maximum(p * (1 - p), 1e-4)))[stratum]
    if doubt is not None:
        finer = np.sqrt(np.maximum(_rank(doubt), 0.05))
    none = np.array([], dtype=np.int64)
    return Model(
        stratum, names, sizes, value, p, np.full(p.size, np.inf), none, none.astype(np.float64),
        finer, "assumed",
    )  # fmt: skip


def _means(stratum: Ints, x: Floats, sizes: Ints) -> Floats:
    return np.asarray(np.bincount(stratum, weights=x, minlength=sizes.size) / sizes)


def _ratio(part: float, rest: float) -> float:
    return part / (part + rest) if part + rest > 0 else 0.0


def _rank(x: Floats) -> Floats:
    """Ranks in 0–1, ties shared."""
    _, which, counts = np.unique(x, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - counts / 2
    return np.asarray(middle[which] / x.size)

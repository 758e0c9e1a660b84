"""How likely is the right verdict with so many labels? Exact operating characteristics.

Sums over all counts that may come out, under an assumed rate and judge; nothing is simulated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, xlog1py, xlogy

from calibrant.errors import InputError
from calibrant.judges.planning.estimate import Measurand, stratified_rate
from calibrant.stats.estimates.betting import check_level
from calibrant.stats.estimates.intervals import clopper_pearson
from calibrant.stats.estimates.rates import bounds

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Relation = Literal["below", "above"]

MOST = 200_000
"""The largest number of labels that is looked for."""


def binomial_pmf(n: int, p: float) -> Floats:
    """Probabilities of 0, …, n events, shape (n + 1,)."""
    k = np.arange(n + 1)
    log = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1) + xlogy(k, p) + xlog1py(n - k, -p)
    return np.asarray(np.exp(log))


def gold_only_power(
    n: int, rate: float, threshold: float, relation: Relation, *, level: float = 0.95
) -> float:
    """Chance that n labels at random support a claim by their exact one-sided limit."""
    side: Literal["upper", "lower"] = "upper" if relation == "below" else "lower"
    low, high = bounds(np.arange(n + 1), n, level=level, side=side)
    reached = high < threshold if relation == "below" else low > threshold
    return float(binomial_pmf(n, rate) @ reached)


def two_strata_power(
    labels: tuple[int, int],
    rates: tuple[float, float],
    sizes: tuple[int, int],
    threshold: float,
    relation: Relation,
    *,
    measurand: Measurand = "items",
    level: float = 0.95,
) -> float:
    """Chance that labels in two strata support a claim by `stratified_rate`, one-sided.

    Args:
        labels, rates, sizes: of the strata, such as items that the judge calls negative and
            positive: gold labels, assumed rates of positive gold labels, items.
    """
    k0, k1 = np.meshgrid(np.arange(labels[0] + 1), np.arange(labels[1] + 1), indexing="ij")
    side: Literal["upper", "lower"] = "upper" if relation == "below" else "lower"
    _, low, high = stratified_rate(
        np.stack([k0, k1], axis=-1), np.array(labels), np.array(sizes),
        measurand=measurand, level=level, side=side,
    )  # fmt: skip
    reached = high < threshold if relation == "below" else low > threshold
    first, second = (binomial_pmf(n, p) for n, p in zip(labels, rates, strict=True))
    return float(first @ reached @ second)


def certified_chance(
    positives: int, negatives: int, truth: tuple[float, float], p: float, threshold: float,
    relation: Relation, level: float,
) -> float:  # fmt: skip
    """Chance that limits of sensitivity and specificity decide a claim, given the apparent rate's.

    Args:
        positives, negatives: gold labels of either kind.
        truth: sensitivity and specificity.
        p: the limit of the apparent rate that is worst for the claim.
        level: of each limit.
    """
    below = relation == "below"

    def limits(n: int, *, upper: bool) -> Floats:
        side: Literal["upper", "lower"] = "upper" if upper else "lower"
        return bounds(np.arange(n + 1), n, level=level, side=side)[upper]

    # For each limit of sensitivity the claim holds for limits of specificity on one side of a cut,
    # and where the two say anything at all.
    se, sp = limits(positives, upper=not below), limits(negatives, upper=below)
    cut = (1 - p - threshold * (1 - se)) / (1 - threshold)
    least = np.searchsorted(sp, 1 - se, side="right")
    top = np.full(se.size, negatives + 1)
    if below:
        top = np.searchsorted(sp, cut, side="left")
    else:
        least = np.maximum(least, np.searchsorted(sp, cut, side="right"))
    mass = np.append(0.0, np.cumsum(binomial_pmf(negatives, truth[1])))
    inside = mass[np.maximum(top, least)] - mass[least]
    return float(binomial_pmf(positives, truth[0]) @ inside)


@dataclass(frozen=True)
class Certifying:
    """Gold labels of either kind with which a judge is good enough for a claim.

    Attributes:
        positives, negatives: items whose gold label is positive, and negative.
        power: exact chance that Rogan and Gladen's limit then supports the claim.
        labels: gold labels to expect until both are found, if items are labelled at random.
        apparent: the judge's positive share that was assumed.
    """

    positives: int
    negatives: int
    power: float
    labels: int
    apparent: float

    def __repr__(self) -> str:
        return (
            f"{self.positives:,} gold positives and {self.negatives:,} negatives (about "
            f"{self.labels:,} labels at random) certify the judge for the claim with chance "
            f"{self.power:.3g}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return dict(self.__dict__)


def certifying_labels(
    sensitivity: float,
    specificity: float,
    rate: float,
    threshold: float,
    relation: Relation = "below",
    *,
    items: int,
    power: float = 0.8,
    level: float = 0.95,
    most: int = 4000,
) -> Certifying | None:
    """The fewest labels with which sensitivity and specificity are known well enough for a claim.

    The claim is decided by Rogan and Gladen's rate with its worst-case limits: exact one-sided
    limits for the apparent rate, the sensitivity and the specificity, a third of the error each
    (`calibrant.stats.budgets.grader.rogan_gladen`, "alpha-split"). For a judge that is validated
    once and used on other items of the same kind; on these items themselves labels drawn by the
    judge's verdict say more.

    Args:
        sensitivity, specificity, rate: assumed true values in 0–1.
        items: that the judge labels; its positives are taken at their expectation.
        most: largest number of labels of one kind that is tried.

    Returns:
        The cheapest pair in expected labels; None if none reaches `power`.

    Raises:
        InputError: for values outside 0–1 or a judge that says nothing.
    """
    check_level(level)
    for name, value in (("sensitivity", sensitivity), ("specificity", specificity)):
        if not 0 <= value <= 1:
            raise InputError(f"{name}: wanted 0–1, got {value!r}")
    if not (0 <= rate <= 1 and 0 < threshold < 1):
        raise InputError(f"rate, threshold: wanted within 0–1, got {rate!r} and {threshold!r}")
    if sensitivity + specificity <= 1:
        raise InputError(
            f"judge: wanted sensitivity + specificity above 1, got {sensitivity:g} + "
            f"{specificity:g}: its verdicts say nothing"
        )
    apparent = rate * sensitivity + (1 - rate) * (1 - specificity)
    events, third = round(apparent * items), 1 - (1 - level) / 3
    below = relation == "below"
    seen = clopper_pearson(events, items, level=third, side="upper" if below else "lower")
    p = seen.high if below else seen.low

    def chance(n1: int, n0: int) -> float:
        truth = sensitivity, specificity
        return certified_chance(n1, n0, truth, p, threshold, relation, third)

    # Even a sensitivity and a specificity that are known would leave the claim open.
    known = (p + specificity - 1) / (sensitivity + specificity - 1)
    if known >= threshold if below else known <= threshold:
        return None
    best: Certifying | None = None
    # Along the cheapest curve: for each number of positives the fewest negatives.
    for n1 in _ladder(most):
        top = most if best is None else min(most, int(best.labels * (1 - rate)) + 1)
        n0 = smallest(lambda n, n1=n1: chance(n1, n), power, most=top)  # type: ignore[misc]
        if n0 is None:
            continue
        labels = expected_labels(n1, n0, rate)
        if best is None or labels < best.labels:
            best = Certifying(n1, n0, chance(n1, n0), labels, apparent)
        elif n1 / max(rate, 1e-12) > best.labels:
            break
    return best


def expected_labels(positives: int, negatives: int, rate: float) -> int:
    """Labels at random until both kinds are there, by the scarcer one."""
    need = max(positives / max(rate, 1e-9), negatives / max(1 - rate, 1e-9))
    return min(int(np.ceil(need)), 10**9)


def smallest(chance: Callable[[int], float], power: float, *, most: int = MOST) -> int | None:
    """The smallest number with a chance of at least `power`, by doubling and halving.

    Exact chances saw-tooth: the number found reaches `power`, and the one tried just before it
    did not; a smaller one may happen to.
    """
    low, high = 0, 8
    while chance(min(high, most)) < power:
        if high >= most:
            return None
        low, high = high, high * 2
    high = min(high, most)
    while high - low > 1:
        middle = (low + high) // 2
        if chance(middle) >= power:
            high = middle
        else:
            low = middle
    return high


def _ladder(most: int) -> list[int]:
    """Numbers from 5 on, each about a tenth more than the last."""
    steps, n = [], 5
    while n <= most:
        steps.append(n)
        n = max(n + 1, round(n * 1.1))
    return steps

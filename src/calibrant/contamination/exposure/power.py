"""How many items, for which effect? Power of the tests, and their limits of detection in words.

Effects are shifts d in standard deviations of what is compared: of a signal between items (split,
canary), of the difference between twins (twin), of a shard's log-probability between orders
(order). A shift d of normal values is an AUROC of Φ(d / √2).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal

import numpy as np
from scipy.special import betainc, ndtr, ndtri, stdtrit

from calibrant.contamination.exposure.nulls import (
    Floats,
    flip_sums,
    subset_sums,
    uniform_ranks,
)
from calibrant.errors import InputError
from calibrant.stats.comparisons.planning import units_for
from calibrant.stats.comparisons.two_rates import table, tilted

Design = Literal["split", "twin", "order", "canary"]
DESIGNS: tuple[Design, ...] = ("split", "twin", "order", "canary")

SIMULATED = 100
"""Units up to which power is simulated with exact critical values."""
_POWER = 0.8


def power(
    design: Design,
    items: int,
    d: float,
    *,
    alpha: float = 0.05,
    share: float = 0.5,
    permutations: int = 99,
    draws: int = 4000,
    seed: int = 0,
) -> float:
    """The chance that a test finds an effect d in normal values.

    Simulated with the exact critical value up to 100 units; beyond, by the normal limit of the
    rank statistic; for one canary by quadrature.

    Args:
        design: "split": rank sum of `items` texts, of which a `share` is published; "twin":
            signed ranks of `items` pairs; "order": ranks of `items` shards among `permutations`
            orders; "canary": one published canary among `items` drawn from the same space.
        d: the effect, see above; 0 gives the size of the test.
        alpha: level, one-sided.
        draws, seed: of the simulation.

    Raises:
        InputError: for another design, values that cannot be.
    """
    if design not in DESIGNS:
        raise InputError(f"design: wanted one of {', '.join(DESIGNS)}, got {design!r}")
    _check(items, d, alpha, share, permutations)
    rng = np.random.default_rng(seed)
    if design == "canary":
        return _canary(items, d, alpha)
    if design == "twin":
        return _twin(items, d, alpha, draws, rng)
    if design == "order":
        return _order(items, permutations, d, alpha, draws, rng)
    inside = min(max(round(items * share), 1), items - 1)
    return _split(inside, items - inside, d, alpha, draws, rng)


def planned_items(
    design: Design,
    d: float,
    *,
    target: float = 0.8,
    alpha: float = 0.05,
    share: float = 0.5,
    permutations: int = 99,
    draws: int = 4000,
    seed: int = 0,
) -> int:
    """The fewest items with which a test finds an effect d as often as wanted.

    Args:
        target: wanted power.
        others: as in `power`.

    Raises:
        InputError: as `power`; if no number of items is enough (of a canary, the level), or more
            than ten million.
    """
    if not d > 0:
        raise InputError(f"d: wanted above 0, got {d!r}")
    if design == "canary":
        best = float(ndtr(d + ndtri(alpha)))
        if best <= target:
            raise InputError(
                f"canary: one canary that is {d:g} sd likelier is found at most {best:.0%} of the "
                f"time, from however many it was drawn; wanted {target:.0%}: publish several"
            )
    return units_for(
        lambda n: power(
            design, n, d, alpha=alpha, share=share, permutations=permutations, draws=draws,
            seed=seed,
        ),
        target,
    )  # fmt: skip


def detects_split(inside: int, outside: int, alpha: float) -> str:
    """What a split of so many units would find, in words (Noether, JASA 82 (1987) 645)."""
    reach = float(-ndtri(alpha) + ndtri(_POWER))
    return _said(0.5 + reach * math.sqrt((inside + outside) / (12 * inside * outside)),
                 "of the signal between items")  # fmt: skip


def detects_twin(pairs: int, alpha: float) -> str:
    """What so many pairs would find, in words: the t test's, at 3/π of the efficiency."""
    if pairs < 2 or 0.5**pairs > alpha:
        return "too few pairs to find anything"
    reach = float(-stdtrit(pairs - 1, alpha) + ndtri(_POWER))
    d = reach / math.sqrt(3 / math.pi * pairs)
    return (
        f"in {_POWER:.0%} of cases, twins that differ by {d:.2g} standard deviations of their "
        "differences, or more"
    )


def detects_order(shards: int, alpha: float) -> str:
    """What ranks of so many shards would find, in words."""
    reach = float(-ndtri(alpha) + ndtri(_POWER))
    return _said(0.5 + reach / math.sqrt(12 * shards), "of a shard's log-probability over orders")


def detects_rates(inside: int, outside: int, right: int, alpha: float) -> str:
    """What right answers of two groups would find, in words: Fisher's test, given their number.

    Exact: the distribution of right answers among published items is Fisher's noncentral
    hypergeometric in the odds ratio.
    """
    x, logs = table(inside, outside, right)
    tail = np.cumsum(tilted(x, logs, 0.0)[::-1])[::-1] <= alpha * (1 + 1e-12)

    def found(theta: float) -> float:
        return float(tilted(x, logs, theta)[tail].sum())

    low, high = 0.0, math.log(1e4)
    if found(high) < _POWER:
        return "too few to find any but the clearest exposure"
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if found(middle) >= _POWER else (middle, high)
    return (
        f"in {_POWER:.0%} of cases, odds of a right answer that are {math.exp(high):.2g} times as "
        "high on published items, or more"
    )


def detects_gain(items: int, alpha: float) -> str:
    """What answers in the published and other orders of options would find, in words.

    Args:
        items: those whose orders are not all answered alike.
    """
    if items < 1:
        return "nothing: every item is answered alike in all orders of its options"
    d = float(-ndtri(alpha) + ndtri(_POWER)) / math.sqrt(items)
    return (
        f"in {_POWER:.0%} of cases, answers to the published orders that are better by {d:.2g} "
        f"standard deviations over orders, or more, in the {items} items not answered alike in all"
    )


def _said(theta: float, of: str) -> str:
    if theta >= 0.999:
        return "too few to find any but the clearest exposure"
    d = math.sqrt(2) * float(ndtri(theta))
    return f"in {_POWER:.0%} of cases, a shift by {d:.2g} standard deviations {of} " + (
        f"(AUROC {theta:.2f}), or more"
    )


def _split(
    inside: int, outside: int, d: float, alpha: float, draws: int, rng: np.random.Generator
) -> float:
    few, many = sorted((inside, outside))
    if few + many > SIMULATED:
        theta = float(ndtr(d / math.sqrt(2)))
        # E of the product of two comparisons that share a value: Φ2 by quadrature.
        z, w = _nodes()
        shared = float((w * ndtr(z + d) ** 2).sum()) - theta**2
        own = theta * (1 - theta)
        variance = (own + (inside + outside - 2) * shared) / (inside * outside)
        null = (inside + outside + 1) / (12 * inside * outside)
        cut = 0.5 - float(ndtri(alpha)) * math.sqrt(null)
        return float(ndtr((theta - cut) / math.sqrt(variance)))
    counts = subset_sums(np.arange(1, few + many + 1), few)
    least = few * (few + 1) // 2
    mass = counts[least:] / counts.sum()
    critical = _critical(mass, alpha)
    values = rng.standard_normal((draws, few + many))
    values[:, few:] -= d
    ranks = values.argsort(axis=1).argsort(axis=1)[:, :few].sum(axis=1) - few * (few - 1) // 2
    return float(np.mean(ranks >= critical))


def _twin(pairs: int, d: float, alpha: float, draws: int, rng: np.random.Generator) -> float:
    if pairs > SIMULATED:
        z, w = _nodes()
        single = float(ndtr(d))
        both = float(ndtr(d * math.sqrt(2)))
        shared = float((w * ndtr(z + 2 * d) ** 2).sum())
        mean = pairs * single + pairs * (pairs - 1) / 2 * both
        variance = (
            pairs * single * (1 - single)
            + pairs * (pairs - 1) / 2 * both * (1 - both)
            + pairs * (pairs - 1) * (pairs - 2) * (shared - both**2)
        )
        cut = pairs * (pairs + 1) / 4 - float(ndtri(alpha)) * math.sqrt(
            pairs * (pairs + 1) * (2 * pairs + 1) / 24
        )
        return float(ndtr((mean - cut) / math.sqrt(variance)))
    critical = _critical(flip_sums(np.arange(1, pairs + 1)), alpha)
    values = rng.standard_normal((draws, pairs)) + d
    ranks = np.abs(values).argsort(axis=1).argsort(axis=1) + 1
    return float(np.mean((ranks * (values > 0)).sum(axis=1) >= critical))


def _order(
    shards: int, permutations: int, d: float, alpha: float, draws: int, rng: np.random.Generator
) -> float:
    """Ranks of shards: of each, how many of its permutations are above, given its own value."""
    if shards > SIMULATED:
        z, w = _nodes()
        theta = float((w * ndtr(z + d)).sum())
        spread = permutations * (
            float((w * ndtr(z + d) * (1 - ndtr(z + d))).sum())
        ) + permutations**2 * (float((w * ndtr(z + d) ** 2).sum()) - theta**2)
        null = ((permutations + 1) ** 2 - 1) / 12
        cut = permutations / 2 - float(ndtri(alpha)) * math.sqrt(null / shards)
        return float(ndtr((permutations * theta - cut) / math.sqrt(spread / shards)))
    mass = uniform_ranks(permutations + 1, shards)
    critical = _critical(mass, alpha)
    below = rng.binomial(permutations, ndtr(rng.standard_normal((draws, shards)) + d))
    return float(np.mean(below.sum(axis=1) >= critical))


def _canary(controls: int, d: float, alpha: float) -> float:
    """P(at most ⌊α(1 + m)⌋ - 1 of m controls are above), over the canary's value."""
    most = math.floor(alpha * (controls + 1) + 1e-9) - 1
    if most < 0:
        return 0.0
    z, w = _nodes()
    above = ndtr(-(z + d))
    return float((w * betainc(controls - most, most + 1, 1 - above)).sum())


def _critical(mass: Floats, alpha: float) -> int:
    """The least place from which on the mass is at most alpha; beyond the last if there is none."""
    tail = np.cumsum(mass[::-1])[::-1]
    places = np.flatnonzero(tail <= alpha * (1 + 1e-12))
    return int(places[0]) if places.size else mass.size


def _nodes() -> tuple[Floats, Floats]:
    """Places and weights for means over a standard normal value."""
    z = np.linspace(-9.0, 9.0, 361)
    w = np.exp(-(z**2) / 2)
    return z, w / w.sum()


def _check(items: int, d: float, alpha: float, share: float, permutations: int) -> None:
    if items < 2:
        raise InputError(f"items: wanted at least 2, got {items!r}")
    if not math.isfinite(d):
        raise InputError(f"d: wanted a finite shift, got {d!r}")
    for name, value in (("alpha", alpha), ("share", share)):
        if not 0 < value < 1:
            raise InputError(f"{name}: wanted strictly between 0 and 1, got {value!r}")
    if permutations < 1:
        raise InputError(f"permutations: wanted at least 1, got {permutations!r}")


@lru_cache(maxsize=64)
def canary_limit(controls: int, alpha: float) -> str:
    """What one canary among so many would show, in words."""
    if math.floor(alpha * (controls + 1) + 1e-9) < 1:
        return f"nothing: of {controls + 1} canaries not even the likeliest has p ≤ {alpha:g}"
    low, high = 0.0, 64.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if _canary(controls, middle, alpha) >= _POWER else (middle, high)
    return f"in {_POWER:.0%} of cases, a canary that is {high:.2g} standard deviations likelier"

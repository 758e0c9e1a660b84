"""How often do tests of exposure find what was planted, and say so where nothing was?

An arm is one draw of items, and what is drawn from it again repeats its luck. So power is a mean
over arms: over pairs, each with items and arms of its own, and in each over disjoint parts of the
arm, drawn without replacement. The pair is the unit of the interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.contamination.exposure import (
    canary_test,
    combined_test,
    correct_test,
    order_test,
    paraphrase_test,
    rank_test,
    split_test,
    twin_test,
)
from calibrant.errors import InputError
from calibrant.stats.estimates.means import bounded_mean
from calibrant.subjects.planted.rates import OWN
from calibrant.subjects.planted.readings import Readings

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
Rng = np.random.Generator

TESTS = ("split", "twin", "paraphrase", "combined", "rank", "correct", "canary", "order")
"""Tests of exposure. "combined" takes all signals of the subject alone, and "correct" none."""

BESIDE = ("split", "combined", "rank", "correct", "canary")
"""Those that compare an arm with one that was held out."""

_DRAWS = 499


@dataclass(frozen=True)
class Power:
    """How often a test finds the exposure of one arm at the 5 % level.

    Attributes:
        test, detector, variant, copies, form: of what; 0 copies are all arms of the clean twin.
        items: in one test; of the published half where there are two.
        power: mean of `shares`.
        low, high: 95 % interval for a new pair's arm, over pairs: exact if each share is 0 or 1,
            else by betting, for any law of shares.
        shares: of each pair, the share of its tests with p ≤ .05.
        tests: of all pairs; those of one arm share its items, and are not independent.
    """

    test: str
    detector: str
    variant: str
    copies: int
    form: str
    items: int
    power: float
    low: float
    high: float
    shares: tuple[float, ...]
    tests: int

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def arm_of(found: Readings, test: str, copies: int, form: str = "verbatim") -> Places:
    """Places of the items of an arm, or of its canaries, or of the shards of its lists.

    Raises:
        InputError: for an arm that is not there.
    """
    if test == "canary":
        some = np.flatnonzero([c.copies == copies for c in found.arms.canaries])
    elif test == "order":
        each = found.by["clean"].orders.shape[1]
        some = np.flatnonzero(np.repeat([o.copies == copies for o in found.arms.orders], each))
    else:
        some = found.arm(copies, form)
    if not some.size:
        unit = {"canary": "canaries", "order": "lists"}.get(test, f"items {form}")
        raise InputError(f"{found.name}: no {unit} {copies} times")
    return np.asarray(some, np.int64)


def subset_p(
    found: Readings,
    rng: Rng,
    some: Places,
    rest: Places,
    *,
    test: str,
    variant: str,
    detector: str = "min-k++",
) -> float:
    """The p-value of a test on some items; 1 if it is undetermined, and finds nothing.

    Args:
        some, rest: places of published and of held-out items, as of `arm_of`.
        test: one of `TESTS`; those in `BESIDE` look at `rest`.

    Raises:
        InputError: for another test, or one that the variant has nothing for.
    """
    if test == "order":
        if not len(found.by[variant].orders):
            raise InputError(f"{found.name}: {variant} was not tuned on any list")
        return _p(order_test(_shards(found.by[variant].orders)[some], reason="random-order"))
    if test == "canary":
        values = found.by[variant].canaries
        return _p(canary_test(values[some], values[rest], reason="random-canary"))
    if test in ("twin", "paraphrase"):
        own, other = (found.signal(variant, detector, f)[some] for f in ("verbatim", test))
        return _pairs_p(test, own - other)
    both = np.concatenate([some, rest])
    return _of_groups(found, rng, test, variant, detector, both, some.size)


def arm_p(
    found: Readings,
    rng: Rng,
    *,
    test: str,
    variant: str,
    copies: int,
    items: int,
    form: str = "verbatim",
    detector: str = "min-k++",
) -> list[float]:
    """P-values of a test on disjoint parts of one arm, which is divided at random.

    Args:
        test: one of `TESTS`.
        items: of each part (canaries, or shards of lists), and as many held out beside it if
            there are as many.

    Raises:
        InputError: for another test, an arm that is not there or has fewer items.
    """
    arm, rest = _arms(found, test, copies, form, items)
    arm, rest = rng.permutation(arm), rng.permutation(rest)
    parts = [arm[i : i + items] for i in range(0, arm.size - items + 1, items)]
    beside = max(1, rest.size // items)
    return [
        subset_p(
            found, rng, part, rest[(i % beside) * items : (i % beside + 1) * items], test=test,
            variant=variant, detector=detector,
        )
        for i, part in enumerate(parts)
    ]  # fmt: skip


def _arms(found: Readings, test: str, copies: int, form: str, items: int) -> tuple[Places, Places]:
    if test not in TESTS:
        raise InputError(f"test: wanted one of {', '.join(TESTS)}; got {test!r}")
    arm = arm_of(found, test, copies, form)
    if not 1 <= items <= arm.size:
        raise InputError(f"{found.name}: wanted 1 to {arm.size} items of this arm, got {items}")
    return arm, arm_of(found, test, 0) if test in BESIDE else arm[:0]


def null_p(found: Readings, rng: Rng, *, test: str, items: int, detector: str = "min-k++") -> float:
    """The p-value of a test with the clean subject, the arms drawn anew.

    Which items were published, which of each pair of twins or wordings, which order and which
    canaries: as if chance had drawn otherwise, the same clean subject would have said the same.
    """
    if test == "canary":
        values = rng.permutation(found.by["clean"].canaries)
        items = min(items, values.size // 2)
        return _p(canary_test(values[:items], values[items:], reason="random-canary"))
    if test == "order":
        shards = _shards(found.by["clean"].orders)
        some = rng.permuted(shards[rng.permutation(len(shards))[:items]], axis=1)
        return _p(order_test(some, reason="random-order"))
    every = rng.permutation(found.copies.size)
    if test in ("twin", "paraphrase"):
        some = every[:items]
        own, other = (found.signal("clean", detector, f)[some] for f in ("verbatim", test))
        return _pairs_p(test, (own - other) * rng.choice([-1, 1], some.size))
    items = min(items, every.size // 2)
    return _of_groups(found, rng, test, "clean", detector, every[: 2 * items], items)


def _pairs_p(test: str, gaps: Floats) -> float:
    check = twin_test if test == "twin" else paraphrase_test
    return _p(check(gaps, reason="random-twin", draws=_DRAWS))


def _of_groups(
    found: Readings, rng: Rng, test: str, variant: str, detector: str, both: Places,
    items: int,
) -> float:  # fmt: skip
    """A test of published items, the first ones, and of held-out ones."""
    published = np.arange(both.size) < items
    seed = int(rng.integers(2**32))
    if test == "correct":
        right = found.by[variant].right[both]
        return _p(correct_test(right.astype(float), published, reason="random-split"))
    if test == "combined":
        table = np.column_stack([found.signal(variant, d)[both] for d in OWN])
        return _p(combined_test(table, published, reason="random-split", draws=_DRAWS, seed=seed))
    values = found.signal(variant, detector)[both]
    if test not in ("split", "rank"):
        raise InputError(f"test: wanted one of {', '.join(TESTS)}; got {test!r}")
    check = split_test if test == "split" else rank_test
    return _p(check(values, published, reason="random-split", draws=_DRAWS, seed=seed))


def _shards(orders: Floats) -> Floats:
    """Shape (shards of all lists, 1 + permutations)."""
    return np.asarray(orders.reshape(-1, orders.shape[-1]))


def _p(test: Any) -> float:
    return 1.0 if test.p is None else float(test.p)


def power(
    pairs: Sequence[Readings],
    *,
    test: str,
    variant: str,
    copies: int,
    items: int,
    form: str = "verbatim",
    detector: str = "min-k++",
    draws: int = 100,
    seed: int = 0,
) -> Power:
    """How often a test finds the exposure of an arm, over pairs and disjoint parts of their arms.

    Args:
        pairs: of one design, with different seeds.
        copies: of the arm; 0 with variant "clean" for all its arms of that form, none of which it
            has read.
        draws: tests of each arm, at least: it is divided again as often as that takes. A test
            that leaves nothing to draw is made once.
        others: as in `arm_p`.

    Raises:
        InputError: as `arm_p`.
    """
    shares, tests = [], 0
    for i, found in enumerate(pairs):
        arms = [copies] if copies else sorted({int(k) for k in found.copies} - {0})
        hits = []
        for k in arms:
            arm, rest = _arms(found, test, k, form, items)
            drawn = items < arm.size or items < rest.size or test in ("combined", "rank")
            rng = np.random.default_rng([seed, i, k])
            p = [
                x <= 0.05
                for _ in range(math.ceil(draws / (arm.size // items)) if drawn else 1)
                for x in arm_p(
                    found, rng, test=test, variant=variant, copies=k, items=items, form=form,
                    detector=detector,
                )
            ]  # fmt: skip
            hits.append(float(np.mean(p)))
            tests += len(p)
        shares.append(float(np.mean(hits)))
    of = bounded_mean(shares)
    named = detector if test in ("split", "twin", "paraphrase", "rank") else ""
    return Power(
        test, named, variant, copies, form, items, of.value, of.low, of.high, tuple(shares), tests
    )


def limit(curve: Sequence[Power], control: Power | None = None) -> str:
    """The limit of detection of one test in words, from its power at each number of copies.

    Found is the number from which on power is 80 % or more.

    Args:
        curve: of one test, variant, form and number of items.
        control: the same of the clean twin.
    """
    ordered = sorted((c for c in curve if c.copies), key=lambda c: c.copies)
    first = ordered[0]
    unit = {"canary": "canaries", "order": "shards"}.get(first.test, "items")
    each = f"{unit} in each arm" if first.test in ("split", "combined", "correct") else unit
    what = f"{first.test} test" + (f" with {first.detector}" if first.detector else "")
    at = [i for i in range(len(ordered)) if all(d.power >= 0.8 for d in ordered[i:])]
    start = at[0] if at else len(ordered)
    told = f"finds no number of exposures up to {ordered[-1].copies} in 80%"
    if at:
        few = ordered[start]
        plural = "exposure" if few.copies == 1 else "exposures"
        told = f"finds {few.copies} {plural} in {few.power:.0%} (at least {few.low:.0%})"
    lost = [f"misses {c.copies} in {1 - c.power:.0%}" for c in ordered[:start]]
    never = [] if control is None else [f"and says so without any in {control.power:.0%}"]
    return f"at {first.items} {each}, the {what} {told}" + "".join(f", {x}" for x in lost + never)

"""What do detectors find on subjects whose exposure is known? Rates per item, power of tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.contamination.exposure import (
    auroc,
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
from calibrant.stats.estimates.intervals import clopper_pearson
from calibrant.subjects.planted.readings import Readings

Floats = NDArray[np.float64]
Rng = np.random.Generator

DETECTORS = ("loss", "zlib", "min-k", "min-k++", "tail-top1", "reference")
"""Signals of an item; "reference" is beside the clean twin, the best reference there can be."""

TESTS = ("split", "twin", "paraphrase", "combined", "rank", "correct", "canary", "order")
"""Tests of exposure. "combined" takes all signals of the subject alone, and "correct" none."""

_OWN = DETECTORS[:-1]
_DRAWS = 499


@dataclass(frozen=True)
class Rates:
    """How well a signal tells single items of one arm from items that were not planted.

    Attributes:
        variant, detector, copies, form: of what.
        items, clean: of the arm, and without copies.
        auroc, low, high: with its 95 % interval.
        at_1, at_5: share of the arm above all but 1 % or 5 % of items without copies; thresholds
            are order statistics, so that a new item without copies is above them no more often;
            None if there are too few items without copies for that.
        at_5_low, at_5_high: exact 95 % interval of `at_5`, the threshold taken as it is.
    """

    variant: str
    detector: str
    copies: int
    form: str
    items: int
    clean: int
    auroc: float
    low: float
    high: float
    at_1: float | None
    at_5: float | None
    at_5_low: float | None
    at_5_high: float | None

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


@dataclass(frozen=True)
class Power:
    """How often a test finds the exposure of one arm at the 5 % level.

    Attributes:
        test, detector, variant, copies, form: of what.
        items: in the test; of the published half where there are two.
        power: share of draws with p ≤ .05.
        low, high: 95 % interval of simulation error (not of the arm, which is one sample).
        draws: samples of items from the arm, with replacement.
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
    draws: int

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def rates(
    found: Readings, variants: Sequence[str] = ("clean", "planted", "tuned")
) -> Iterator[Rates]:
    """Rates of every detector in every arm.

    Raises:
        InputError: for a detector that a variant has not.
    """
    for variant in variants:
        for detector in _OWN if variant == "clean" else DETECTORS:
            values = found.signal(variant, detector)
            clean = values[found.arm(0)]
            for form in ("verbatim", "rephrased"):
                for copies in sorted({int(k) for k in found.copies} - {0}):
                    own = values[found.arm(copies, form)]
                    if own.size:
                        yield _rates(variant, detector, copies, form, own, clean)


def _rates(
    variant: str, detector: str, copies: int, form: str, own: Floats, clean: Floats
) -> Rates:
    a = auroc(own, clean)
    p = tail_p(own, clean)
    hits = int((p <= 0.05).sum())
    interval = clopper_pearson(hits, own.size)
    five, one = (clean.size + 1) * 0.05 >= 1, (clean.size + 1) * 0.01 >= 1
    return Rates(
        variant, detector, copies, form, own.size, clean.size, a.value, a.low, a.high,
        float(np.mean(p <= 0.01)) if one else None, hits / own.size if five else None,
        interval.low if five else None, interval.high if five else None,
    )  # fmt: skip


def tail_p(own: Floats, clean: Floats) -> Floats:
    """Of each value, its rank among clean ones: valid for a value that is one of them."""
    above = clean.size - np.searchsorted(np.sort(clean), own, "left")
    return np.asarray((1 + above) / (1 + clean.size))


def p_value(
    found: Readings,
    rng: Rng,
    *,
    test: str,
    variant: str,
    copies: int,
    items: int,
    form: str = "verbatim",
    detector: str = "min-k++",
) -> float:
    """The p-value of a test on items drawn from one arm, with replacement.

    Args:
        test: one of `TESTS`.
        items: published items (canaries, or shards of lists), and as many held out.

    Raises:
        InputError: for another test, or an arm that is not there.
    """
    if test == "canary":
        return _canary(found, rng, variant, copies, items)
    if test == "order":
        return _order(found, rng, variant, copies, items)
    arm, clean = found.arm(copies, form), found.arm(0)
    if not arm.size:
        raise InputError(f"{found.name}: no items {form} {copies} times")
    some = rng.choice(arm, items)
    if test in ("twin", "paraphrase"):
        own, other = (found.signal(variant, detector, f)[some] for f in ("verbatim", test))
        check = twin_test if test == "twin" else paraphrase_test
        return _p(check(own - other, reason="random-twin", draws=_DRAWS))
    both = np.concatenate([some, rng.choice(clean, items)])
    return _of_groups(found, rng, test, variant, detector, both, items)


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
        gap = (own - other) * rng.choice([-1, 1], some.size)
        check = twin_test if test == "twin" else paraphrase_test
        return _p(check(gap, reason="random-twin", draws=_DRAWS))
    items = min(items, every.size // 2)
    return _of_groups(found, rng, test, "clean", detector, every[: 2 * items], items)


def _of_groups(
    found: Readings, rng: Rng, test: str, variant: str, detector: str, both: NDArray[np.int64],
    items: int,
) -> float:  # fmt: skip
    """A test of published items, the first ones, and of held-out ones."""
    published = np.arange(both.size) < items
    seed = int(rng.integers(2**32))
    if test == "correct":
        right = found.by[variant].right[both]
        return _p(correct_test(right.astype(float), published, reason="random-split"))
    if test == "combined":
        table = np.column_stack([found.signal(variant, d)[both] for d in _OWN])
        return _p(combined_test(table, published, reason="random-split", draws=_DRAWS, seed=seed))
    values = found.signal(variant, detector)[both]
    if test not in ("split", "rank"):
        raise InputError(f"test: wanted one of {', '.join(TESTS)}; got {test!r}")
    check = split_test if test == "split" else rank_test
    return _p(check(values, published, reason="random-split", draws=_DRAWS, seed=seed))


def _canary(found: Readings, rng: Rng, variant: str, copies: int, items: int) -> float:
    planted = np.array([c.copies for c in found.arms.canaries])
    values = found.by[variant].canaries
    own = rng.choice(values[planted == copies], items)
    return _p(canary_test(own, rng.choice(values[planted == 0], items), reason="random-canary"))


def _order(found: Readings, rng: Rng, variant: str, copies: int, items: int) -> float:
    planted = np.array([o.copies for o in found.arms.orders])
    if not len(found.by[variant].orders):
        raise InputError(f"{found.name}: {variant} was not tuned on any list")
    shards = _shards(found.by[variant].orders[planted == copies])
    return _p(order_test(shards[rng.integers(0, len(shards), items)], reason="random-order"))


def _shards(orders: Floats) -> Floats:
    """Shape (shards of all lists, 1 + permutations)."""
    return np.asarray(orders.reshape(-1, orders.shape[-1]))


def _p(test: Any) -> float:
    """A test that is undetermined finds nothing."""
    return 1.0 if test.p is None else float(test.p)


def power(
    found: Readings,
    *,
    test: str,
    variant: str,
    copies: int,
    items: int,
    form: str = "verbatim",
    detector: str = "min-k++",
    draws: int = 200,
    seed: int = 0,
) -> Power:
    """How often a test finds the exposure of an arm, over draws of items from it.

    Args:
        others: as in `p_value`.

    Raises:
        InputError: as `p_value`.
    """
    rng = np.random.default_rng(seed)
    hits = sum(
        p_value(
            found, rng, test=test, variant=variant, copies=copies, items=items, form=form,
            detector=detector,
        )
        <= 0.05
        for _ in range(draws)
    )  # fmt: skip
    interval = clopper_pearson(hits, draws)
    named = detector if test in ("split", "twin", "paraphrase", "rank") else ""
    return Power(
        test, named, variant, copies, form, items, hits / draws, interval.low, interval.high, draws
    )


def limit(curve: Sequence[Power], control: Sequence[Power] = ()) -> str:
    """The limit of detection of one test in words, from its power at each number of copies.

    Found is the number from which on power is 80 % or more; but not one at which the clean twin's
    same arm gives more than 20 %, as draws from one arm repeat that arm's luck.

    Args:
        curve: of one test, variant, form and number of items.
        control: the same of the clean twin.
    """
    ordered = sorted((c for c in curve if c.copies), key=lambda c: c.copies)
    lucky = {c.copies for c in control if c.power > 0.2}
    first = ordered[0]
    unit = {"canary": "canaries", "order": "shards"}.get(first.test, "items")
    each = f"{unit} in each arm" if first.test in ("split", "combined", "correct") else unit
    what = f"{first.test} test" + (f" with {first.detector}" if first.detector else "")
    at = [
        i
        for i, c in enumerate(ordered)
        if c.copies not in lucky and all(d.power >= 0.8 for d in ordered[i:])
    ]
    start = at[0] if at else len(ordered)
    told = f"finds no number of exposures up to {ordered[-1].copies} in 80%"
    if at:
        few = ordered[start]
        plural = "exposure" if few.copies == 1 else "exposures"
        told = f"finds {few.copies} {plural} in {few.power:.0%}"
    lost = "; ".join(
        f"misses {c.copies} in {1 - c.power:.0%}"
        + (" (and part of that is the arm's luck)" if c.copies in lucky else "")
        for c in ordered[:start]
    )
    return f"at {first.items} {each}, the {what} {told}" + (f", {lost}" if lost else "")

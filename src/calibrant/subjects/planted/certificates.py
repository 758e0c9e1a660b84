"""Do detectors of exposure find what was planted, and nothing where nothing was?

Measured on subjects that were trained for it; a pair that is not in the cache is trained first.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibrant.stats.certificates import Bound, Certificate, Regime, regimes
from calibrant.subjects.planted.peers import fixed_threshold, oren_p, welch_p
from calibrant.subjects.planted.power import arm_p, null_p
from calibrant.subjects.planted.rates import tail_p
from calibrant.subjects.planted.readings import Readings, readings

Floats = NDArray[np.float64]

_SMALL, _PAIR = "planted/small-0", "planted/pair-0"
_SMALLS, _PAIRS = "planted/small-0 to 9", "planted/pair-0 to 2"


@cache
def _found(name: str) -> Readings:
    return readings(name, notify=lambda text: print(text, file=sys.stderr))


def _other(name: str) -> Readings:
    """Another pair, whose subjects set the thresholds that peers carry over."""
    return _found(_SMALL if name == _PAIR else _PAIR)


def _share(values: list[bool]) -> float:
    return float(np.mean(values))


def _nulls(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    found = _found(regime["subjects"])
    test, items, detector = regime["test"], regime["items"], regime["signal"]
    limit = _limit(found.name)
    means, sources, p, orders = [], [], [], []
    values = found.signal("clean", "min-k")
    family = np.array([item.family for item in found.arms.items])
    for _ in range(draws):
        p.append(null_p(found, rng, test=test, items=items, detector=detector or "min-k++"))
        means.append(bool(values[rng.permutation(values.size)[:items]].mean() > limit))
        kinds = rng.permutation(np.unique(family))[:2]
        one, two = (values[rng.permutation(np.flatnonzero(family == k))[:items]] for k in kinds)
        sources.append(welch_p(one, two) <= 0.05)
        if test == "order":
            flat = found.by["clean"].orders.reshape(-1, found.by["clean"].orders.shape[-1])
            some = flat[rng.permutation(len(flat))[:items]]
            orders.append(oren_p(rng.permuted(some, axis=1)) <= 0.05)
    told = {
        "p ≤ .05": _share([x <= 0.05 for x in p]),
        "p ≤ .01": _share([x <= 0.01 for x in p]),
        "threshold flags": _share(means),
        "source flags": _share(sources),
    }
    return told | ({"oren p ≤ .05": _share(orders)} if orders else {})


@cache
def _limit(name: str) -> float:
    """Min-K % above which another pair's planted subject has its seen items."""
    other = _other(name)
    values = other.signal("planted", "min-k")
    return fixed_threshold(values[other.arm(16)], values[other.arm(0)])


def _items(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    found = _found(regime["subjects"])
    values = found.signal(regime["variant"], regime["signal"])
    own = values[found.arm(regime["copies"], regime["form"])]
    clean = values[found.arm(0)]
    other = _other(found.name)
    theirs = other.signal(regime["variant"], regime["signal"])
    limit = fixed_threshold(theirs[other.arm(16)], theirs[other.arm(0)])
    wrong: dict[float, list[float]] = {0.01: [], 0.05: []}
    right: dict[float, list[float]] = {0.01: [], 0.05: []}
    for _ in range(draws):
        order = rng.permutation(clean.size)
        known, new = clean[order[: clean.size // 2]], clean[order[clean.size // 2 :]]
        for level in wrong:
            wrong[level].append(float(np.mean(tail_p(new, known) <= level)))
            right[level].append(float(np.mean(tail_p(own, known) <= level)))
    auroc = np.mean(own[:, None] > clean) + np.mean(own[:, None] == clean) / 2
    return {
        "clean above 5 %": float(np.mean(wrong[0.05])),
        "clean above 1 %": float(np.mean(wrong[0.01])),
        "seen above 5 %": float(np.mean(right[0.05])),
        "seen above 1 %": float(np.mean(right[0.01])),
        "AUROC": float(auroc),
        "threshold clean above": float(np.mean(clean > limit)),
        "threshold seen above": float(np.mean(own > limit)),
    }


def _several(name: str) -> list[Readings]:
    """Pairs such as "planted/pair-0 to 2"."""
    first, last = name.split(" to ")
    design, start = first.rsplit("-", 1)
    return [_found(f"{design}-{seed}") for seed in range(int(start), int(last) + 1)]


def _powers(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    pairs = _several(regime["subjects"])
    arms = sorted({int(k) for k in pairs[0].copies} - {0})
    same: dict[str, Any] = {k: regime[k] for k in ("variant", "items", "form")}
    same["detector"] = regime["signal"] or "loss"
    hits, easier = [], []
    for i in range(draws):
        found, copies = pairs[i % len(pairs)], regime["copies"]
        if not copies:  # the clean twin, which has read no arm: each in its turn
            copies = arms[i // len(pairs) % len(arms)]

        def share(test: str, found: Readings = found, copies: int = copies) -> float:
            p = arm_p(found, rng, test=test, copies=copies, **same)
            return _share([x <= 0.05 for x in p])

        hits.append(share(regime["test"]))
        if regime["test"] not in ("canary", "order"):
            easier.append(share("correct"))
    told = {"found": float(np.mean(hits))}
    return told | ({"accuracy found": float(np.mean(easier))} if easier else {})


_TESTS = ("split", "rank", "twin", "paraphrase", "combined", "correct", "canary", "order")


def _null_regimes() -> tuple[Regime, ...]:
    rows: list[tuple[Any, ...]] = []
    for name, items in ((_SMALL, 24), (_PAIR, 120)):
        for test in _TESTS:
            many = {"canary": items // 2, "order": 20 if name == _PAIR else 12}.get(test, items)
            alone = test in ("combined", "correct", "canary", "order")
            rows.append((name, test, None if alone else "min-k++", many))
    rows += [(_PAIR, "split", d, 60) for d in ("loss", "zlib", "min-k", "tail-top1")]
    rows += [(_PAIR, "twin", "loss", 30), (_PAIR, "paraphrase", "loss", 30)]
    return regimes("subjects test signal items", *rows)


_AXES = "subjects variant signal form copies"

CERTIFICATES = (
    Certificate(
        name="planted-nulls",
        method="calibrant.contamination.exposure",
        statement="Of a subject that has read none of the items, no test of exposure says "
        "otherwise at p ≤ .05 or .01 more often than these levels: on the clean twin, with arms, "
        "pairs, orders and canaries drawn anew.",
        regimes=_null_regimes(),
        batch=_nulls,
        bounds={"p ≤ .05": Bound(high=0.05), "p ≤ .01": Bound(high=0.01)},
        peers={
            "threshold": "Min-K % above a fixed threshold that was best for another subject, "
            "as packages bundle it",
            "source": "a t test of two sources of items instead of a random split, as collections "
            "by date make it",
            "oren": "the reference code's t test of orders (Oren et al.), with the standard "
            "deviation of n-1 taken for that of n",
        },
        batch_draws=50,
        needs="jax",
    ),
    Certificate(
        name="planted-items",
        method="calibrant.contamination.signals",
        statement="Above the order statistic for 5 % or 1 % of items known to be unseen there are "
        "no more of other unseen items; how many seen ones there are is measured, and for few "
        "copies it is hardly more.",
        regimes=regimes(
            _AXES,
            *((_PAIR, "planted", "min-k++", "verbatim", k) for k in (1, 2, 4, 8, 16)),
            *((_PAIR, "planted", "min-k++", "rephrased", k) for k in (1, 2, 4, 8, 16)),
            *((_PAIR, "tuned", "min-k++", "verbatim", k) for k in (1, 2, 4, 8, 16)),
            *(
                (_PAIR, "planted", d, "verbatim", 16)
                for d in ("loss", "zlib", "min-k", "tail-top1", "reference")
            ),
            *((_SMALL, "planted", "min-k++", "verbatim", k) for k in (4, 16)),
        ),
        batch=_items,
        bounds={"clean above 5 %": Bound(high=0.05), "clean above 1 %": Bound(high=0.01)},
        peers={"threshold": "the threshold that was best for another subject, carried over"},
        batch_draws=50,
        needs="jax",
    ),
    Certificate(
        name="planted-power",
        method="calibrant.contamination.exposure",
        statement="So many copies a valid test finds at p ≤ .05 in at least 80 % of tests, a mean "
        "over pairs with arms of their own and over parts of each arm, drawn without replacement; "
        "fewer copies are shown outside the promise, and (0 copies) all arms of the clean twins.",
        regimes=regimes(
            f"{_AXES} test items",
            (_SMALLS, "planted", "min-k++", "verbatim", 16, "split", 24),
            (_SMALLS, "planted", "min-k++", "verbatim", 16, "twin", 24),
            (_PAIRS, "planted", "min-k", "verbatim", 4, "split", 120),
            (_PAIRS, "planted", "min-k++", "verbatim", 4, "split", 120),
            (_PAIRS, "planted", "reference", "verbatim", 4, "split", 60),
            (_PAIRS, "planted", "min-k++", "verbatim", 8, "twin", 120),
            (_PAIRS, "planted", None, "verbatim", 8, "combined", 60),
            (_PAIRS, "planted", "min-k++", "verbatim", 16, "paraphrase", 120),
            (_PAIRS, "planted", "min-k++", "rephrased", 16, "split", 60),
            (_PAIRS, "planted", None, "verbatim", 16, "canary", 30),
            (_PAIRS, "planted", None, "verbatim", 16, "order", 20),
            (_PAIRS, "tuned", "min-k++", "verbatim", 4, "split", 60),
        ),
        beyond=regimes(
            f"{_AXES} test items",
            (_PAIRS, "planted", "min-k++", "verbatim", 1, "split", 120),
            (_PAIRS, "planted", "min-k++", "verbatim", 2, "split", 120),
            (_PAIRS, "planted", "min-k++", "verbatim", 1, "twin", 120),
            (_PAIRS, "planted", "min-k++", "rephrased", 4, "split", 60),
            (_PAIRS, "planted", None, "verbatim", 1, "canary", 30),
            (_PAIRS, "planted", None, "verbatim", 1, "order", 20),
            (_PAIRS, "tuned", "min-k++", "verbatim", 1, "split", 120),
            *(
                (
                    many,
                    "clean",
                    None if test in ("combined", "correct") else "min-k++",
                    "verbatim",
                    0,
                    test,
                    items,
                )
                for many, items in ((_PAIRS, 120), (_SMALLS, 24))
                for test in ("split", "twin", "paraphrase", "combined", "correct")
            ),
            (_PAIRS, "clean", None, "verbatim", 0, "canary", 30),
            (_PAIRS, "clean", None, "verbatim", 0, "order", 20),
        ),
        batch=_powers,
        bounds={"found": Bound(low=0.8)},
        peers={"accuracy": "a test of whether more answers are right on published items"},
        batch_draws=50,
        needs="jax",
    ),
)

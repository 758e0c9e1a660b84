"""How often are twins falsely called equal, items drawn alike, canaries ranked too high?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import expit, stdtr

from calibrant.contamination.exposure import canary_test
from calibrant.contamination.fresh.canary import new_canary
from calibrant.contamination.fresh.generate import FreshItem, generate
from calibrant.contamination.fresh.language.functions import borrows, carries
from calibrant.contamination.fresh.language.reading import templates_of
from calibrant.contamination.fresh.stream import Secret, Stream
from calibrant.contamination.fresh.twins import check_twins
from calibrant.records.trials import SCHEMA
from calibrant.stats.certificates import Bound, Certificate, Regime, regimes
from calibrant.stats.comparisons.paired import compare_items

Floats = NDArray[np.float64]

_Z = np.linspace(-6, 6, 241)
_W = np.exp(-0.5 * _Z**2) / np.exp(-0.5 * _Z**2).sum()


def _shift(rate: float, spread: float, wanted: float) -> tuple[float, float]:
    """Difficulties at which scores differ by `wanted` and have the mean `rate`."""

    def mean(d: float) -> float:
        return float(expit(d + spread * _Z) @ _W)

    def at(target: float) -> float:
        low, high = -40.0, 40.0
        for _ in range(80):
            middle = (low + high) / 2
            low, high = (middle, high) if mean(middle) < target else (low, middle)
        return high

    return at(rate + wanted / 2), at(rate - wanted / 2)


def draw_pairs(regime: Regime, rng: np.random.Generator, difference: float) -> pl.DataFrame:
    """Trials of reference subjects on pairs whose mean scores differ by a known amount.

    The regime's keys: pairs; subjects; rate, the mean score; spread, the sd of the difficulty that
    both of a pair share, in logits; own, of what each has alone.
    """
    n, k = int(regime["pairs"]), int(regime["subjects"])
    shared, own = float(regime["spread"]), float(regime["own"])
    up, down = _shift(regime["rate"], float(np.hypot(shared, own)), difference)
    both = rng.normal(0, shared, n)
    score = np.empty((2, k, n))
    for side, level in enumerate((up, down)):
        p = expit(level + both + rng.normal(0, own, n))
        score[side] = rng.random((k, n)) < p
    side, subject, pair = (x.ravel() for x in np.indices(score.shape))
    known: dict[str, NDArray[np.generic] | str | int] = {
        "subject": np.char.add("s", subject.astype(str)), "instrument": "t", "epoch": 1,
        "item": np.char.add(np.array(["a", "b"])[side], pair.astype(str)), "grader": "g",
        "score": score.ravel(),
    }  # fmt: skip
    columns = {name: known.get(name) for name in SCHEMA}
    rest = [pl.lit(v, SCHEMA[n]).alias(n) for n, v in columns.items() if not hasattr(v, "shape")]
    frame = pl.DataFrame({n: v for n, v in columns.items() if hasattr(v, "shape")})
    return frame.with_columns(rest).select(list(SCHEMA))


def _twins(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    sums = dict.fromkeys(
        ("equivalent at margin", "equivalent if equal", "other if within", "t-test equal at margin",
         "point equal at margin"), 0.0
    )  # fmt: skip
    n, margin = int(regime["pairs"]), float(regime["margin"])
    pairs = [(f"a{i}", f"b{i}") for i in range(n)]
    for _ in range(draws):
        table = draw_pairs(regime, rng, margin * float(rng.choice([-1, 1])))
        found = check_twins(table, pairs, margin)
        sums["equivalent at margin"] += found.verdict == "equivalent"
        sums["other if within"] += found.verdict == "not equivalent"
        scores = table.group_by("item").agg(pl.col("score").mean())
        known = dict(scores.iter_rows())
        d = np.array([known[a] - known[b] for a, b in pairs])
        error = float(d.std(ddof=1)) / n**0.5
        p = 1.0 if error == 0 else 2 * float(stdtr(n - 1, -abs(float(d.mean())) / error))
        sums["t-test equal at margin"] += p > 0.05
        sums["point equal at margin"] += abs(float(d.mean())) < margin
        table = draw_pairs(regime, rng, 0.0)
        sums["equivalent if equal"] += check_twins(table, pairs, margin).verdict == "equivalent"
    return {name: total / draws for name, total in sums.items()}


TEMPLATES: dict[str, dict[str, Any]] = {
    "matched": {"text": "{a} + {b} - {c}", "answer": "a + b - c",
                "strata": ["carries(a, b)", "borrows(a + b, c)"]},
    "unmatched": {"text": "{a} + {b} - {c}", "answer": "a + b - c", "match_digits": False},
}  # fmt: skip
POOL = 240
"""Pairs that draws are taken from: making them takes longer than everything else."""


@lru_cache(maxsize=4)
def _made(kind: str, top: int) -> tuple[Floats, Floats]:
    """Chances of a subject to be right on items and on their twins, shape (pairs,)."""
    variables = {name: {"from": 3, "to": top} for name in "abc"}
    entry: dict[str, Any] = {"name": "sum", "variables": variables, "where": ["c < a + b"]}
    entry |= TEMPLATES[kind]
    key = f"secret of the certificate, {top}".encode()
    found = generate(templates_of([entry]), Secret(key), POOL, twins=True)
    return _chance(found.items), _chance(found.twins)


def _chance(items: tuple[FreshItem, ...]) -> Floats:
    """The chance that a subject who reckons digit by digit is right."""
    found = []
    for item in items:
        a, b, c = (int(x) for x in item.question.replace("+", "-").split(" - "))
        steps = len(str(a)) + len(str(b)) + len(str(c)) + carries(a, b) + borrows(a + b, c)
        # Some of what makes a sum hard is not matched: here, how large its numbers are.
        found.append(4.0 - 0.4 * steps - 0.0004 * (a + b + c))
    return np.asarray(expit(np.array(found)))


def _confounded(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """How often a subject who saw nothing seems to know the published set."""
    n, top = int(regime["pairs"]), int(regime["top"])
    sums = dict.fromkeys(
        ("alarm", "unlike within pairs", "other numbers alarm", "unmatched unlike within pairs"),
        0.0,
    )
    (a, b), (c, d) = _made("matched", 999), _made("unmatched", 999)
    other = np.concatenate(_made("unmatched", top))
    for _ in range(draws):
        use = rng.permutation(POOL)[:n]
        sums["alarm"] += _differs(a[use], b[use], rng)
        sums["unlike within pairs"] += float(np.mean(np.abs(a - b)[use]))
        # Today's habit: the published numbers replaced by others, of a wider range.
        sums["other numbers alarm"] += _differs(a[use], rng.choice(other, n), rng)
        sums["unmatched unlike within pairs"] += float(np.mean(np.abs(c - d)[use]))
    return {name: total / draws for name, total in sums.items()}


def _differs(a: Floats, b: Floats, rng: np.random.Generator) -> bool:
    x, y = (rng.random(p.size) < p for p in (a, b))
    return compare_items(x, y, score_range=1.0).p_value <= 0.05


def _independent(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Draws of one secret for two purposes, or for two items, as a table of counts."""
    k, n = int(regime["cells"]), int(regime["items"])
    alarm = naive = 0.0
    for _ in range(draws):
        secret, seed = Secret(rng.bytes(32)), int(rng.integers(2**31))
        tables = np.zeros((2, k, k))
        for i in range(n):
            if regime["between"] == "purposes":
                keys = [(secret.stream("t", p, i)) for p in ("first", "second")]
            else:
                keys = [(secret.stream("t", "first", j)) for j in (2 * i, 2 * i + 1)]
            tables[0][keys[0].below(k), keys[1].below(k)] += 1
            # Peer: seeds s and s + 1 for two purposes, to which item i adds i: item i + 1 of the
            # one is item i of the other.
            sums = (seed + 0 + i + 1, seed + 1 + i)
            tables[1][*(Stream(x.to_bytes(32, "big")).below(k) for x in sums)] += 1
        alarm += _chi_square(tables[0]) <= 0.05
        naive += _chi_square(tables[1]) <= 0.05
    return {"alarm": alarm / draws, "added seeds alarm": naive / draws}


def _chi_square(table: Floats) -> float:
    """p of uniform and independent cells (Pearson)."""
    from scipy.special import chdtrc

    wanted = table.sum() / table.size
    return float(chdtrc(table.size - 1, float(((table - wanted) ** 2 / wanted).sum())))


def _canaries(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Ranks of canaries under a subject who saw none, with what such a subject finds likely."""
    m = int(regime["alternatives"])
    row = dict.fromkeys(("p ≤ .05", "p ≤ .01", "own z alarm", "chosen alarm"), 0.0)
    for _ in range(draws):
        mark = new_canary(Secret(rng.bytes(32)), str(regime["space"]))
        others = mark.alternatives(m, seed=int(rng.integers(2**31)))
        likes = rng.normal(0, regime["taste"], 128)

        def signal(text: str, likes: Floats = likes) -> float:
            found = float(likes[np.frombuffer(text.encode(), np.uint8)].sum())
            return round(found) if regime["coarse"] else found

        own, rest = signal(mark.value), np.array([signal(x) for x in others])
        p = canary_test(own, rest, reason="random-canary").p or 1.0
        row["p ≤ .05"] += p <= 0.05
        row["p ≤ .01"] += p <= 0.01
        row["own z alarm"] += (own - rest.mean()) / (rest.std(ddof=1) or 1.0) > 1.6449
        # Peer: a canary that a person chose, of one figure again and again.
        easy = mark.value[: -len(mark.code)] + re.sub("[0-9a-f]", "7", mark.code)
        row["chosen alarm"] += (1 + int((rest >= signal(easy)).sum())) / (m + 1) <= 0.05
    return {name: total / draws for name, total in row.items()}


CERTIFICATES = (
    Certificate(
        "fresh-twins",
        "calibrant.contamination.fresh.twins.check_twins",
        "Of sets whose mean scores differ by the margin, at most 5 % are called equivalent, and at "
        "most 5 % not equivalent, with one or several reference subjects and rates near 0 and 1.",
        regimes(
            "pairs subjects rate spread own margin",
            (100, 1, 0.5, 1.0, 0.3, 0.1),
            (200, 1, 0.9, 1.0, 0.3, 0.05),
            (60, 1, 0.95, 1.5, 0.0, 0.06),
            (150, 3, 0.7, 1.5, 0.3, 0.08),
            (300, 4, 0.6, 1.0, 0.3, 0.05),
            (40, 8, 0.08, 1.5, 0.5, 0.08),
            (400, 2, 0.97, 1.0, 0.0, 0.03),
            (1000, 1, 0.5, 1.0, 0.3, 0.08),
        ),
        _twins,
        {"equivalent at margin": Bound(high=0.05), "other if within": Bound(high=0.05)},
        {
            "t-test": "equal because a paired t test is not significant",
            "point": "equal because the observed difference is within the margin",
        },
        batch_draws=25,
    ),
    Certificate(
        "fresh-matched",
        "calibrant.contamination.fresh.generate.generate",
        "A subject that saw neither set seems to know the published one at most 5 % of the time, "
        "though large numbers and carries make its answers wrong.",
        regimes("pairs top", (60, 9999), (200, 9999), (200, 2999)),
        _confounded,
        {"alarm": Bound(high=0.05)},
        {
            "other numbers": "the same template with numbers of up to four digits for three",
            "unmatched": "twins of the same range, but not of the same sizes and carries",
        },
        batch_draws=25,
    ),
    Certificate(
        "fresh-streams",
        "calibrant.contamination.fresh.stream.Secret.stream",
        "Draws for two purposes, and for two items, are uniform and independent.",
        regimes("between cells items", ("purposes", 5, 300), ("items", 5, 300)),
        _independent,
        {"alarm": Bound(high=0.05)},
        {"added seeds": "a seed for each purpose, to which the item's number is added"},
        batch_draws=25,
    ),
    Certificate(
        "fresh-canary",
        "calibrant.contamination.fresh.canary.Canary.alternatives",
        "Of subjects that never saw a canary, but like some strings of its space more than others, "
        "at most a share α gets a rank among its alternatives of α or less.",
        regimes(
            "space alternatives taste coarse",
            ("guid", 99, 1.0, False), ("digits", 99, 1.0, False), ("digits", 99, 0.3, True),
            ("guid", 199, 0.1, True),
        ),
        _canaries,
        {"p ≤ .05": Bound(high=0.05), "p ≤ .01": Bound(high=0.01)},
        {
            "own z": "a normal score of the canary among the others, above 1.64",
            "chosen": "a canary that was not drawn: its digits are all sevens",
        },
    ),
)  # fmt: skip

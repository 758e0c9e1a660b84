"""How is a test of exposure measured? Batches of data sets of clean subjects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from calibrant.contamination.evidence import ExposureTest
from calibrant.contamination.exposure import (
    auroc,
    canary_test,
    combined_test,
    correct_test,
    correct_twin_test,
    order_test,
    planned_items,
    rank_test,
    reference_test,
    several,
    split_test,
    twin_test,
)
from calibrant.contamination.exposure.measured.draws import (
    delong,
    oren,
    paired,
    tails,
    texts,
    welch,
)
from calibrant.contamination.signals import min_k_plus_plus, min_k_plus_plus_bounds
from calibrant.contamination.tokens import token_scores
from calibrant.stats.certificates import Regime

Floats = NDArray[np.float64]
Found = Mapping[str, float]

FEW = 499
"""Random draws a test in simulations."""


def _alarm(test: ExposureTest) -> float:
    return float(test.p is not None and test.p <= test.alpha)


def _sums(*names: str) -> dict[str, float]:
    return dict.fromkeys(names, 0.0)


def _mean(sums: dict[str, float], draws: int) -> Found:
    return {name: total / draws for name, total in sums.items()}


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))


def _clustered(regime: Regime, rng: np.random.Generator) -> tuple[Floats, Any, Any]:
    """Signals of two groups alike, with their groups and clusters."""
    size = int(regime["per_cluster"])
    few, many = int(regime["published"]), int(regime["held_out"])
    kind = str(regime["signal"])
    of = np.repeat(np.arange(few + many), size)
    values = tails(kind, (of.size,), rng)
    if size > 1:
        values = values + 1.5 * tails(kind, (few + many,), rng)[of]
    return values, of < few, of if size > 1 else None


def split_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Found:
    """Clean splits: how often is p ≤ .05?"""
    sums = _sums("alarm", "t test alarm", "threshold alarm")
    for _ in range(draws):
        values, inside, clusters = _clustered(regime, rng)
        found = split_test(
            values, inside, reason="random-split", clusters=clusters, draws=FEW, seed=_seed(rng),
            statistic=regime["statistic"],
        )  # fmt: skip
        sums["alarm"] += _alarm(found)
        sums["t test alarm"] += welch(values[inside], values[~inside]) <= 0.05
        # A bundled threshold: right for another prefix, which moves all losses by up to 1.3 nats.
        moved = values[inside].mean() + rng.uniform(-1.3, 1.3)
        sums["threshold alarm"] += moved > 0.5
    return _mean(sums, draws)


def twin_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Found:
    """Clean twins: how often is p ≤ .05?"""
    sums = _sums("alarm", "two-sided alarm", "t test alarm")
    for _ in range(draws):
        size, pairs = int(regime["per_cluster"]), int(regime["pairs"])
        kind = str(regime["signal"])
        of = np.repeat(np.arange(pairs), size)
        apart = tails(kind, (of.size,), rng) - tails(kind, (of.size,), rng)
        if size > 1:
            apart += 1.5 * (tails(kind, (pairs,), rng) - tails(kind, (pairs,), rng))[of]
        more: dict[str, Any] = {"clusters": of if size > 1 else None, "draws": FEW}
        for name, two in (("alarm", False), ("two-sided alarm", True)):
            sums[name] += _alarm(
                twin_test(apart, reason="random-twin", two_sided=two, seed=_seed(rng),
                          statistic=regime["statistic"], **more)
            )  # fmt: skip
        sums["t test alarm"] += paired(apart) <= 0.05
    return _mean(sums, draws)


def order_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Found:
    """Orders of clean shards. `sorted`: how much likelier a published order is that was sorted."""
    sums = _sums("alarm", "standardised alarm", "reference code alarm")  # fmt: skip
    shards, orders = int(regime["shards"]), 1 + int(regime["permutations"])
    for _ in range(draws):
        # Shards differ in length, so in level and in spread.
        spread = np.exp(rng.normal(0, regime["unequal"], (shards, 1)))
        table = -300 * spread + spread * tails(str(regime["signal"]), (shards, orders), rng)
        table[:, 0] += regime["sorted"] * spread[:, 0]
        for name, statistic in (("alarm", "rank"), ("standardised alarm", "standardised")):
            sums[name] += _alarm(
                order_test(table, reason="random-order", statistic=statistic,  # type: ignore[arg-type]
                           draws=FEW, seed=_seed(rng))
            )  # fmt: skip
        sums["reference code alarm"] += oren(table) <= 0.05
    return _mean(sums, draws)


def canary_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Found:
    """Canaries that nobody saw. `easier`: how much likelier their space is than the others'."""
    sums = _sums("alarm", "z score alarm")
    k, m = int(regime["published"]), int(regime["others"])
    for _ in range(draws):
        every = tails(str(regime["signal"]), (k + m,), rng)
        ours, others = every[:k] + regime["easier"], every[k:]
        found = canary_test(ours, others, reason="random-canary", draws=FEW, seed=_seed(rng))
        sums["alarm"] += _alarm(found)
        z = (ours.mean() - others.mean()) / max(others.std(ddof=1), 1e-12) * np.sqrt(k)
        sums["z score alarm"] += float(ndtr(-z)) <= 0.05
    return _mean(sums, draws)


def rank_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Found:
    """A split by sources: each source's texts are published together, by a coin."""
    sums = _sums("alarm", "items at random alarm")
    sizes = np.array([1 + (3 * s) % int(regime["largest"]) for s in range(int(regime["sources"]))])
    of = np.repeat(np.arange(sizes.size), sizes)
    for _ in range(draws):
        values = tails("normal", (of.size,), rng) + 1.5 * rng.normal(size=sizes.size)[of]

        def coin(generator: np.random.Generator) -> NDArray[np.bool_]:
            while True:
                heads = generator.random(sizes.size) < 0.5
                if 0 < heads.sum() < heads.size:
                    return np.asarray(heads[of])

        inside = coin(rng)
        more: dict[str, Any] = {"reason": "random-split", "draws": FEW, "seed": _seed(rng)}
        sums["alarm"] += _alarm(rank_test(values, inside, resplit=coin, **more))
        sums["items at random alarm"] += _alarm(split_test(values, inside, **more))
    return _mean(sums, draws)


def combined_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Found:
    """Several signals that share most of their noise: weights learnt, differences tested."""
    sums = _sums("alarm", "same items alarm")
    n, kinds = int(regime["items"]), int(regime["signals"])
    inside = np.arange(n) < n // 2
    for _ in range(draws):
        table = tails(str(regime["tails"]), (n, kinds), rng) + 2 * rng.normal(size=(n, 1))
        more: dict[str, Any] = {"reason": "random-split", "draws": FEW, "seed": _seed(rng)}
        sums["alarm"] += _alarm(combined_test(table, inside, **more))
        # Weights from the very items on which they are tested.
        centred = table - table.mean(axis=0)
        cov = centred.T @ centred / n
        gap = table[inside].mean(axis=0) - table[~inside].mean(axis=0)
        score = table @ np.linalg.solve(cov + 1e-9 * np.eye(kinds), gap)
        sums["same items alarm"] += welch(score[inside], score[~inside]) <= 0.05
    return _mean(sums, draws)


def several_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Found:
    """Several signals of the same twins, each tested: how often is any p ≤ .05?"""
    sums = _sums("alarm", "each alone alarm")
    pairs, kinds = int(regime["pairs"]), int(regime["signals"])
    for _ in range(draws):
        own = tails("normal", (pairs, kinds), rng)
        apart = own + regime["shared"] * rng.normal(size=(pairs, 1))
        tests = [twin_test(column, reason="random-twin") for column in apart.T]
        sums["each alone alarm"] += max(map(_alarm, tests))
        sums["alarm"] += max(map(_alarm, several(tests)))
    return _mean(sums, draws)


def reference_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Found:
    """A subject among unexposed ones; `abler`: by how many of their deviations it is abler."""
    sums = _sums("alarm", "z score alarm")
    for _ in range(draws):
        every = tails(str(regime["subjects"]), (1 + int(regime["references"]),), rng)
        own, others = float(every[0] + regime["abler"]), every[1:]
        found = reference_test(own, others, reason="unexposed-reference", items=100)
        sums["alarm"] += _alarm(found)
        z = (own - others.mean()) / max(others.std(ddof=1), 1e-12)
        sums["z score alarm"] += float(ndtr(-z)) <= 0.05
    return _mean(sums, draws)


def correct_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Found:
    """Answers of a subject that saw nothing: twins of one difficulty, and a random split."""
    sums = _sums("twin alarm", "split alarm", "z test alarm")
    n, few = int(regime["pairs"]), int(regime["published"])
    for _ in range(draws):
        chance = rng.beta(2 * regime["rate"], 2 * (1 - regime["rate"]), n)
        left, right = rng.random(n) < chance, rng.random(n) < chance
        sums["twin alarm"] += _alarm(correct_twin_test(left, right, reason="random-twin"))
        inside = np.arange(n) < few
        sums["split alarm"] += _alarm(correct_test(left, inside, reason="random-split"))
        a, b = left[inside].mean(), left[~inside].mean()
        u = np.sqrt(a * (1 - a) / few + b * (1 - b) / (n - few))
        sums["z test alarm"] += bool(a > b) and bool(u == 0 or ndtr(-(a - b) / u) <= 0.05)
    return _mean(sums, draws)


def auroc_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Found:
    """Normal values of two groups: does the interval hold the AUROC?"""
    sums = _sums("covered", "width", "delong covered")
    m, n, d, spread = (regime[k] for k in ("left", "right", "shift", "spread"))
    truth = float(ndtr(d / np.sqrt(1 + spread**2)))
    for _ in range(draws):
        x, y = d + spread * rng.normal(size=m), rng.normal(size=n)
        found = auroc(x, y)
        sums["covered"] += found.low <= truth <= found.high
        sums["width"] += found.high - found.low
        low, high = delong(x, y)
        sums["delong covered"] += low <= truth <= high
    return _mean(sums, draws)


def blind_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Found:
    """Items that nobody saw, old and new: how often does it say "seen"?

    `longer`: by which factor new items are longer; `newer`: share of words that are numbers in
    them; `style`: a shift of the loss that no feature of texts shows.
    """
    sums = _sums("seen", "differs", "t test alarm", "threshold alarm")  # fmt: skip
    n = int(regime["items"])
    inside = np.arange(n) < n // 2  # the old ones
    for _ in range(draws):
        size = np.exp(rng.normal(3.0, 0.35, n)) * np.where(inside, 1.0, regime["longer"])
        share = np.where(inside, 0.02, regime["newer"])
        said = texts(np.maximum(size, 4).astype(np.int64), share, rng)
        words = np.array([len(t.split()) for t in said])
        digits = np.array([sum(c.isdigit() for c in t) / len(t) for t in said])
        loss = -2.5 - 0.6 * np.log(words) - 8 * digits + rng.normal(0, 0.25, n)
        loss = loss + regime["style"] * inside
        found = split_test(loss, inside, reason="random-split", texts=said, draws=FEW,
                           seed=_seed(rng))  # fmt: skip
        sums["seen"] += found.verdict == "seen"
        sums["differs"] += found.verdict == "differs"
        sums["t test alarm"] += welch(loss[inside], loss[~inside]) <= 0.05
        sums["threshold alarm"] += delong(loss[inside], loss[~inside])[0] > 0.5
    return _mean(sums, draws)


def bounds_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Found:
    """Min-K %++ of texts whose whole distribution is known, bounded from the top of it."""
    sums = _sums("held", "width", "top alone apart")
    size, top, tokens = int(regime["vocabulary"]), int(regime["top"]), 30
    for _ in range(draws):
        logits = regime["sharpness"] * rng.normal(size=(tokens, size))
        logs = logits - logits.max(axis=1, keepdims=True)
        logs -= np.log(np.exp(logs).sum(axis=1, keepdims=True))
        p = np.exp(logs)
        mean = (p * logs).sum(axis=1)
        sd = np.sqrt((p * (logs - mean[:, None]) ** 2).sum(axis=1))
        drawn = np.minimum((p.cumsum(axis=1) < rng.random((tokens, 1))).sum(axis=1), size - 1)
        row = {"item": "i", "text": "i", "logprob": logs[np.arange(tokens), drawn], "mean": mean,
               "sd": sd}  # fmt: skip
        scores = token_scores([row], subject="s", tokenizer="t", prefix="<s>")
        truth = float(min_k_plus_plus(scores)[0])
        known = np.sort(logs, axis=1)[:, ::-1][:, :top]
        low, high = min_k_plus_plus_bounds(scores, known, size)
        sums["held"] += low[0] - 1e-9 <= truth <= high[0] + 1e-9
        sums["width"] += min(float(high[0] - low[0]), 99.0)
        # The top taken for the whole.
        q = np.exp(known)
        q /= q.sum(axis=1, keepdims=True)
        other = (q * np.log(q)).sum(axis=1)
        spread = np.sqrt((q * (np.log(q) - other[:, None]) ** 2).sum(axis=1))
        rough = replace(scores, mean=other, sd=spread)
        sums["top alone apart"] += abs(float(min_k_plus_plus(rough)[0]) - truth) > 0.25
    return _mean(sums, draws)


def power_batch(regime: Regime, rng: np.random.Generator, draws: int) -> Found:
    """As many items as planned for 80 %: how often is the effect found?"""
    design, d = str(regime["design"]), float(regime["shift"])
    n = planned_items(design, d, draws=2000)  # type: ignore[arg-type]
    # The textbook's: normal values, known variance, a test of means.
    book = int(np.ceil((2 if design == "split" else 1) ** 2 * ((1.645 + 0.842) / d) ** 2))
    sums = _sums("found", "items", "half as many found", "textbook found", "textbook items")
    for _ in range(draws):
        sums["items"] += n
        sums["textbook items"] += book
        sizes = {"found": n, "half as many found": max(n // 2, 2), "textbook found": max(book, 2)}
        for name, size in sizes.items():
            sums[name] += _alarm(_exposed(design, size, d, rng))
    return _mean(sums, draws)


def _exposed(design: str, n: int, d: float, rng: np.random.Generator) -> ExposureTest:
    seed = _seed(rng)
    if design == "split":
        inside = np.arange(n) < n // 2
        values = rng.normal(size=n) + d * inside
        return split_test(values, inside, reason="random-split", draws=FEW, seed=seed)
    if design == "twin":
        return twin_test(rng.normal(d, 1, n), reason="random-twin", draws=FEW, seed=seed)
    table = rng.normal(size=(n, 100))
    table[:, 0] += d
    return order_test(table, reason="random-order")

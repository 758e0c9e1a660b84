"""How often do probes of black boxes cry wolf? Subjects that saw nothing, and answers they give.

Answers are made of words, as a subject's would be, and go the whole way from text to verdict.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from scipy.special import stdtr

from calibrant.bench.exposure.alike import peak, rouge
from calibrant.bench.exposure.result import concluded
from calibrant.contamination.evidence import ExposureTest
from calibrant.contamination.exposure import auroc
from calibrant.stats.certificates import Bound, Certificate, Regime, regimes

_ALPHA = 0.05
_WORDS = [f"w{i}" for i in range(60)]


def _reaches(p: float | None) -> float:
    return float(p is not None and p <= _ALPHA)


def _text(rng: np.random.Generator, style: np.random.Generator | None, words: int) -> list[str]:
    """Words of a style: items of one cluster share theirs, and so are guessed alike."""
    weights = (rng if style is None else style).dirichlet(np.full(len(_WORDS), 0.15))
    return [_WORDS[i] for i in rng.choice(len(_WORDS), words, p=weights)]


def _values(score: str, clusters: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The value of each item, from its text and the answers of a subject that never saw it.

    How guessable an item is depends on its cluster; so do values. An answer repeats each word of
    the item with that chance: no more of the published than of the held out.
    """
    ease = rng.beta(0.6, 1.4, int(clusters.max()) + 1)[clusters]
    if score == "exact":
        right: np.ndarray = (rng.random(clusters.size) < ease * 0.3).astype(float)
        return right
    found = np.empty(clusters.size)
    for i, chance in enumerate(ease):
        own = _text(rng, None, 12)
        if score == "peak":
            # Answers of one or two words repeat whoever gives them.
            long = 1 + int(rng.integers(0, 2)) if rng.random() < 0.5 else 12
            answers = [_answer(own[:long], chance, rng) for _ in range(9)]
            found[i] = peak(answers[0], answers[1:])
        else:
            found[i] = rouge(own, _answer(own, chance, rng).split())
    return found


def _answer(own: list[str], chance: float, rng: np.random.Generator) -> str:
    kept = rng.random(len(own)) < chance
    other = rng.integers(0, len(_WORDS), len(own))
    return " ".join(w if k else _WORDS[o] for w, k, o in zip(own, kept, other, strict=True))


def _table(values: np.ndarray, groups: list[str], pairs: list[str], clusters: list[str]) -> Any:
    return pl.DataFrame({
        "item": [f"{g} {i}" for i, g in enumerate(groups)], "group": groups, "pair": pairs,
        "cluster": clusters, "value": values,
    })  # fmt: skip


def _mean(rows: list[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def _split(regime: Regime, rng: np.random.Generator, draws: int) -> dict[str, float]:
    return _mean([_one_split(regime, rng) for _ in range(draws)])


def _one_split(regime: Regime, rng: np.random.Generator) -> dict[str, float]:
    size, per = int(regime["items"]), int(regime["cluster"])
    many = size // per
    clusters = np.repeat(np.arange(many), per)
    values = _values(str(regime["score"]), clusters, rng)
    drawn = np.zeros(many, bool)
    drawn[rng.permutation(many)[: many // 2]] = True
    inside = drawn[clusters]
    # A publisher may pick what is easy: then the split is no draw, and the promise ends.
    if regime["picked"]:
        means = np.bincount(clusters, values)
        inside = (np.argsort(np.argsort(-means)) < many // 2)[clusters]
        inside = np.where(rng.random(many)[clusters] < regime["picked"], inside, drawn[clusters])
        if inside.all() or not inside.any():
            inside = drawn[clusters]
    groups = ["published" if i else "held out" for i in inside]
    labels = [str(c) if per > 1 else "" for c in clusters]
    test = concluded(
        _table(values, groups, [""] * size, labels), "completion", subject="simulated",
        reason="random-split", alpha=_ALPHA, draws=199, seed=int(rng.integers(2**31)),
    )  # fmt: skip
    return {
        "p ≤ .05": _reaches(test.p),
        "Welch p ≤ .05": float(_welch(values[inside], values[~inside]) <= _ALPHA),
        "threshold flags": float(np.mean(values[inside] > 0.5) > 0.1),
        "AUROC flags": float(auroc(values[inside], values[~inside]).value > 0.6),
    }


def _welch(left: np.ndarray, right: np.ndarray) -> float:
    """One-sided p-value of Welch's t test."""
    a, b = left.var(ddof=1) / left.size, right.var(ddof=1) / right.size
    apart = float(left.mean() - right.mean())
    if a + b == 0:
        return float(apart <= 0)
    df = (a + b) ** 2 / (a**2 / (left.size - 1) + b**2 / (right.size - 1))
    return float(stdtr(df, -apart / np.sqrt(a + b)))


def _twin(regime: Regime, rng: np.random.Generator, draws: int) -> dict[str, float]:
    return _mean([_one_twin(regime, rng) for _ in range(draws)])


def _one_twin(regime: Regime, rng: np.random.Generator) -> dict[str, float]:
    pairs, per = int(regime["pairs"]), int(regime["cluster"])
    clusters = np.repeat(np.arange(pairs // per), per)
    one = _values(str(regime["score"]), clusters, rng)
    # A twin is as guessable as its item but for chance, and of another length now and then.
    other = np.where(rng.random(pairs) < 0.5, one, rng.permutation(one))
    flip = (rng.random(pairs // per) < 0.5)[clusters]
    published, twin = np.where(flip, one, other), np.where(flip, other, one)
    names = [str(i) for i in range(pairs)] * 2
    labels = [str(c) if per > 1 else "" for c in clusters] * 2
    test = concluded(
        _table(np.concatenate([published, twin]), ["published"] * pairs + ["twin"] * pairs, names,
               labels),
        "completion", subject="simulated", reason="random-twin", alpha=_ALPHA, draws=199,
        seed=int(rng.integers(2**31)),
    )  # fmt: skip
    apart = published - twin
    spread = apart.std(ddof=1)
    t = 0.0 if spread == 0 else float(apart.mean() / (spread / np.sqrt(pairs)))
    return {
        "p ≤ .05": _reaches(test.p),
        "t test p ≤ .05": float(spread > 0 and stdtr(pairs - 1, -t) <= _ALPHA),
        "prompt gain flags": float(_gain(one, rng) <= _ALPHA),
    }


def _gain(general: np.ndarray, rng: np.random.Generator) -> float:
    """p-value of a bootstrap of guided less general answers, of a subject that is helped a little
    by the longer prompt, whatever it saw."""
    guided = np.clip(general + rng.normal(0.02, 0.04, general.size), 0, 1)
    gains = guided - general
    means = gains[rng.integers(0, gains.size, (500, gains.size))].mean(axis=1)
    return float(np.mean(means <= 0))


def _order(regime: Regime, rng: np.random.Generator, draws: int) -> dict[str, float]:
    return _mean([_one_order(regime, rng) for _ in range(draws)])


def _one_order(regime: Regime, rng: np.random.Generator) -> dict[str, float]:
    """A subject that likes first places, whatever it knows; published orders are drawn or not."""
    items, options, orders = int(regime["items"]), 4, int(regime["orders"])
    rows = []
    likes = float(regime["first"])
    for _ in range(items):
        knows = rng.random() < 0.4
        # Where the right option stands: in the published order, then in random ones.
        places = rng.integers(0, options, 1 + orders)
        if rng.random() < float(regime["sorted"]):
            places[0] = 0
        chance = np.where(places == 0, 1 / options + likes, (1 - 1 / options - likes) / 3)
        rows.append([1.0 if knows else float(r < c)
                     for r, c in zip(rng.random(1 + orders), chance, strict=True)])  # fmt: skip
    table = pl.DataFrame({
        "item": [str(i) for i in range(items)], "group": "published", "pair": "", "cluster": "",
        "value": [row[0] - float(np.mean(row[1:])) for row in rows], "row": rows,
    })  # fmt: skip
    test: ExposureTest = concluded(
        table, "order", subject="simulated", reason="random-order", alpha=_ALPHA, draws=199,
        seed=int(rng.integers(2**31)),
    )  # fmt: skip
    best = float(np.mean([row[0] >= max(row[1:]) and row[0] > min(row) for row in rows]))
    return {
        "p ≤ .05": _reaches(test.p),
        "best order flags": float(best > 1 / (1 + orders)),
    }


_HOLDS: Mapping[str, Bound] = {"p ≤ .05": Bound(high=0.05)}

CERTIFICATES = (
    Certificate(
        name="probe-split",
        method="calibrant.bench.exposure.result.concluded",
        statement="of a subject that saw neither, published and held-out items differ with p ≤ α "
        "at most α of the time, with ties, clusters and few items",
        regimes=regimes(
            "score items cluster picked",
            ("rouge", 40, 1, 0.0),
            ("rouge", 12, 1, 0.0),
            ("rouge", 40, 5, 0.0),
            ("exact", 60, 1, 0.0),
            ("exact", 40, 4, 0.0),
            ("peak", 30, 1, 0.0),
        ),
        beyond=regimes("score items cluster picked", ("rouge", 40, 1, 0.3)),
        batch=_split,
        bounds=_HOLDS,
        peers={
            "Welch": "a t test of overlap between the groups, items as independent",
            "threshold": "a fixed threshold: more than a tenth of the items above one half (CDD "
            "and packages with bundled thresholds)",
            "AUROC": "an AUROC above .6 taken for evidence",
        },
        batch_draws=50,
    ),
    Certificate(
        name="probe-twin",
        method="calibrant.bench.exposure.result.concluded",
        statement="of a subject that saw neither, items and their twins differ with p ≤ α at most "
        "α of the time",
        regimes=regimes(
            "score pairs cluster",
            ("rouge", 30, 1),
            ("rouge", 6, 1),
            ("rouge", 40, 8),
            ("exact", 50, 1),
            ("peak", 24, 1),
        ),
        batch=_twin,
        bounds=_HOLDS,
        peers={
            "t test": "a paired t test, items as independent",
            "prompt gain": "a bootstrap of answers to a prompt that names the benchmark less "
            "answers to one that does not, without items that were never published",
        },
        batch_draws=50,
    ),
    Certificate(
        name="probe-order",
        method="calibrant.bench.exposure.result.concluded",
        statement="of a subject that saw nothing, but likes the first place, the published order "
        "of options is preferred with p ≤ α at most α of the time, if it was drawn at random",
        regimes=regimes(
            "items orders first sorted",
            (40, 7, 0.0, 0.0),
            (40, 7, 0.6, 0.0),
            (8, 3, 0.3, 0.0),
            (100, 1, 0.6, 0.0),
        ),
        beyond=regimes("items orders first sorted", (40, 7, 0.6, 0.5)),
        batch=_order,
        bounds=_HOLDS,
        peers={"best order": "more items are best in their published order than one in m + 1"},
        batch_draws=50,
    ),
)

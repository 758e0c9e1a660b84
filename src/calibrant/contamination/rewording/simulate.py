"""How are scores of clean documents distributed? Laws to draw from, made up and scanned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

from calibrant.contamination.items import Item
from calibrant.contamination.rewording.documents import Document
from calibrant.contamination.rewording.scan import Scanner
from calibrant.contamination.rewording.words import words

Floats = NDArray[np.float64]

_THINGS = (
    "apples", "lamps", "kites", "boats", "drums", "maps", "coins", "shirts", "rugs", "bells",
    "pens", "chairs", "ropes", "cakes", "jars", "nets", "stones", "cups", "hats", "keys",
)  # fmt: skip
_PEOPLE = (
    "Ana", "Bruno", "Chen", "Dora", "Emil", "Farah", "Goran", "Hana", "Ivo", "Jun", "Kofi",
    "Lena", "Mara", "Nils",
)  # fmt: skip
_PLACES = (
    "market", "harbour", "school", "museum", "station", "garden", "theatre", "bakery", "library",
    "farm",
)  # fmt: skip
_ASKED = (
    "At the {w}, {p} bought {a} {t} for {b} dollars each and sold them later for {c} dollars each. "
    "How much profit was made?",
    "{p} has {a} {t}. Every day {b} of them are taken to the {w} and {c} new ones are made. How "
    "many {t} are left after a week?",
    "There are {a} {t} at the {w}. {p} takes {b} home and gives away {c}. How many remain?",
    "A box holds {a} {t}. How many boxes does {p} need for {b} {t} from the {w} and {c} more?",
)
_TOLD = (
    "{p} purchases {a} {t}, paying ${b} apiece, from the {w}. If every one of them goes for ${c} "
    "afterwards, what does {p} gain in all?",
    "Starting with {a} {t}, {p} brings {b} to the {w} daily, while {c} are produced. What number "
    "of {t} does that leave when seven days have passed?",
    "The {w} owns {a} {t}, of which {b} go home with {p} and {c} are given to others. What is the "
    "number that stay?",
    "{p} collects {b} {t} at the {w}, and then another {c}. With {a} {t} to a box, what number of "
    "boxes does that take?",
)


@dataclass(frozen=True)
class Law:
    """A law of scores of clean documents.

    Attributes:
        draw: scores of so many documents.
        above: the chance of a score above a threshold.
    """

    draw: Callable[[np.random.Generator, int], Floats]
    above: Callable[[float], float]


def beta(a: float, b: float, steps: int = 0) -> Law:
    """Beta(a, b), in so many steps if any: then scores are tied."""

    def draw(rng: np.random.Generator, n: int) -> Floats:
        x: Floats = rng.beta(a, b, n)
        return np.floor(x * steps) / steps if steps else x

    def above(t: float) -> float:
        # In steps a score is above t from the next step on.
        at = (np.floor(t * steps + 1e-9) + 1) / steps if steps else t
        return float(1 - betainc(a, b, np.clip(at, 0, 1)))

    return Law(draw, above)


def mostly_nothing(share: float) -> Law:
    """Documents of which a share has a candidate at all; the others score 0."""
    some = beta(3, 8)

    def draw(rng: np.random.Generator, n: int) -> Floats:
        return np.where(rng.random(n) < share, some.draw(rng, n), 0.0)

    return Law(draw, lambda t: share * some.above(t) if t >= 0 else 1.0)


def of_pool(pool: Floats) -> Law:
    """Draws from given scores, with replacement: the pool is the truth."""
    ordered = np.sort(pool)

    def above(t: float) -> float:
        return float(ordered.size - np.searchsorted(ordered, t, side="right")) / ordered.size

    return Law(lambda rng, n: rng.choice(ordered, n), above)


@dataclass(frozen=True)
class Pool:
    """Scores of made-up documents against made-up items, by us and by TF-IDF with cosine.

    Attributes:
        clean, cosines: shape (documents,), the best over items, of documents that hold none.
        planted, planted_cosines: the same of rewordings of the items.
    """

    clean: Floats
    cosines: Floats
    planted: Floats
    planted_cosines: Floats


@lru_cache(maxsize=2)
def scanned_pool(items: int = 60, documents: int = 1500) -> Pool:
    """Word problems from four templates and their rewordings, scanned: one domain, near twins."""
    rng = np.random.default_rng(8)
    asked = [_problem(rng) for _ in range(items)]
    questions = [_ASKED[k].format(**f) for k, f in asked]
    told = [_TOLD[k].format(**f) for k, f in asked]
    clean = []
    for i in range(documents):
        k, f = _problem(rng)
        clean.append((_ASKED, _TOLD)[i % 2][k].format(**f))
    scanner = Scanner([Item(str(i), q) for i, q in enumerate(questions)])
    found = [
        np.array([s.score for s in scanner.scan([Document("", i, t) for i, t in enumerate(texts)])])
        for texts in (clean, told)
    ]
    cosines = [best_cosines(questions, texts) for texts in (clean, told)]
    return Pool(found[0], cosines[0], found[1], cosines[1])


def _problem(rng: np.random.Generator) -> tuple[int, dict[str, str]]:
    a, b, c = (str(x) for x in rng.integers(2, 60, 3))
    names = {"w": _PLACES, "p": _PEOPLE, "t": _THINGS}
    filled = {k: str(rng.choice(v)) for k, v in names.items()}
    return int(rng.integers(4)), filled | {"a": a, "b": b, "c": c}


def best_cosines(questions: list[str], texts: list[str]) -> Floats:
    """The peer: the highest cosine of plain TF-IDF vectors (smooth idf), shape (texts,)."""
    counts = [Counter(words(q).plain) for q in questions]
    df = Counter(t for c in counts for t in c)
    names = {t: i for i, t in enumerate(df)}
    idf = np.array([np.log((1 + len(questions)) / (1 + df[t])) + 1 for t in names])

    def vectors(rows: list[Counter[str]]) -> Floats:
        out = np.zeros((len(rows), len(names)))
        for row, found in zip(out, rows, strict=True):
            for token, times in found.items():
                if token in names:
                    row[names[token]] = times
        out = out * idf
        norms = np.linalg.norm(out, axis=1, keepdims=True)
        unit: Floats = np.divide(out, norms, out=np.zeros_like(out), where=norms > 0)
        return unit

    found = vectors([Counter(words(t).plain) for t in texts]) @ vectors(counts).T
    best: Floats = found.max(axis=1)
    return best

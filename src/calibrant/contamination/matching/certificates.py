"""How often does a scan cry wolf, and what does it miss? Next to sets of n-grams."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import cache

import numpy as np
from numpy.typing import NDArray

from calibrant.contamination.corpora.batch import batch_of
from calibrant.contamination.items import Item
from calibrant.contamination.matching.index import Rule, build_index
from calibrant.contamination.matching.scanner import scan_batches
from calibrant.stats.certificates import Bound, Certificate, Regime, regimes

ITEMS = 8
_VOCABULARY = 5000


@cache
def _vocabulary() -> tuple[str, ...]:
    """Words of letters, as many as texts of a few domains have."""
    syllables = [a + b for a in "bdfgklmnprst" for b in "aeiou"]
    rng = np.random.default_rng(0)
    words = {"".join(rng.choice(syllables, 1 + k % 3)) for k in range(4 * _VOCABULARY)}
    return tuple(sorted(words))[:: max(len(words) // _VOCABULARY, 1)][:_VOCABULARY]


@cache
def _law(exponent: float) -> NDArray[np.float64]:
    """Cumulated frequencies of the words, in an order of their own."""
    rank = np.arange(1, len(_vocabulary()) + 1) + 2.7
    weight = rank**-exponent
    order = np.random.default_rng(1).permutation(len(weight))
    law: NDArray[np.float64] = np.cumsum((weight / weight.sum())[order])
    return law


def _drawn(rng: np.random.Generator, words: int, exponent: float) -> list[str]:
    known = _vocabulary()
    at = np.searchsorted(_law(exponent), rng.random(words))
    return [known[k] for k in np.minimum(at, len(known) - 1).tolist()]


def text_of(rng: np.random.Generator, words: int, regime: Regime) -> list[str]:
    """A text by Zipf's law, with stock phrases and numbers.

    The regime's keys: exponent, of the law; phrase, words of a stock phrase, and stock, the share
    of texts that hold one of five; numbers, the share of words that are numbers.
    """
    exponent = float(regime.get("exponent", 1.0))
    said = _drawn(rng, words, exponent)
    for k in np.flatnonzero(rng.random(words) < regime.get("numbers", 0.0)):
        said[k] = str(rng.integers(2, 1000))
    if rng.random() < regime.get("stock", 0.0):
        long = int(regime["phrase"])
        fixed = np.random.default_rng(int(rng.integers(5)))
        phrase = _drawn(fixed, long, exponent)
        at = int(rng.integers(0, max(words - long, 0) + 1))
        said[at : at + long] = phrase
    return said


def _sets(items: list[Item], texts: list[str]) -> dict[str, float]:
    """The share of items that share an n-gram with some text: what short scripts do."""

    def grams(text: str, n: int) -> set[tuple[str, ...]]:
        said = re.findall(r"\w+", text.lower())
        return set(zip(*(said[k:] for k in range(n)), strict=False))

    found = {}
    for n in (13, 8):
        there = set().union(*(grams(text, n) for text in texts))
        hit = [not there.isdisjoint(grams(f"{i.question}\n{i.answer}", n)) for i in items]
        found[f"{n}-gram set"] = float(np.mean(hit))
    return found


def _false(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Items of a domain, and a corpus of the same domain that holds none of them."""
    sums = dict.fromkeys(("flagged", "13-gram set flagged", "8-gram set flagged"), 0.0)
    for _ in range(draws):
        items = [
            Item(str(k), " ".join(text_of(rng, int(regime["words"]), regime))) for k in range(ITEMS)
        ]
        corpus = [" ".join(text_of(rng, 100, regime)) for _ in range(20)]
        found = scan_batches(build_index(items, Rule(shared=4)), [batch_of(corpus)])
        sums["flagged"] += float(np.mean([any(found.counts.get(k, (0,))[:4])
                                          for k in range(ITEMS)]))  # fmt: skip
        for peer, share in _sets(items, corpus).items():
            sums[f"{peer} flagged"] += share
    return {name: total / draws for name, total in sums.items()}


def changed(rng: np.random.Generator, words: list[str], edits: int, how: str) -> str:
    """A copy of a text: other in form only, or with words replaced, left out and put in, or with
    other numbers."""
    words = list(words)
    if how == "numbers":
        return " ".join(str(rng.integers(1001, 9999)) if w.isdigit() else w for w in words)
    for _ in range(edits):
        k = int(rng.integers(len(words)))
        step = int(rng.integers(3))
        other = _vocabulary()[int(rng.integers(len(_vocabulary())))] + "x"
        if step == 0:
            words[k] = other
        elif step == 1:
            del words[k]
        else:
            words.insert(k, other)
    if how != "form":
        return " ".join(words)
    marks = rng.choice([" ", ", ", "\r\n", " — ", "… “", "\t", "\u3000"], len(words))
    text = "".join(w.title() + str(m) for w, m in zip(words, marks, strict=True))
    wide = str.maketrans({c: chr(ord(c) + 0xFEE0) for c in "abcdefghij0123456789"})
    return unicodedata.normalize("NFD", text.translate(wide) if rng.random() < 0.5 else text)


def _recall(regime: Regime, rng: np.random.Generator, draws: int) -> Mapping[str, float]:
    """Items of which a copy stands in the middle of one document each."""
    sums = dict.fromkeys(
        ("found", "found as numbers", "placed", "13-gram set found", "8-gram set found"), 0.0
    )
    for _ in range(draws):
        said = [text_of(rng, int(regime["words"]), regime) for _ in range(ITEMS)]
        items = [Item(str(k), " ".join(words)) for k, words in enumerate(said)]
        corpus = []
        for words in said:
            copy = changed(rng, words, int(regime["edits"]), str(regime["how"]))
            around = [" ".join(text_of(rng, int(rng.integers(1, 100)), regime)) for _ in range(2)]
            corpus.append(f"{around[0]}\n{copy}\n{around[1]}")
        found = scan_batches(build_index(items), [batch_of(corpus)])
        for k in range(ITEMS):
            counts = found.counts.get(k, (0, 0, 0, 0, 0))
            sums["found"] += bool(any(counts[:4])) / ITEMS
            sums["found as numbers"] += bool(counts[1]) / ITEMS
            sums["placed"] += any(
                p.document == k and not p.fragment for p in found.where.get(k, ())
            ) / ITEMS  # fmt: skip
        for peer, share in _sets(items, corpus).items():
            sums[f"{peer} found"] += share
    return {name: total / draws for name, total in sums.items()}


_PEERS = {
    "13-gram set": "any n-gram of 13 words in common, as in the appendix on GPT-3",
    "8-gram set": "any n-gram of 8 words in common",
}
_COLUMNS = "words numbers edits how"

CERTIFICATES = (
    Certificate(
        "scan-false",
        "calibrant.contamination.matching.scan_batches",
        "Of the items that do not stand in a corpus of the same domain, at most one in a thousand "
        "is said to, also where both hold the same stock phrases.",
        regimes(
            "words exponent stock phrase numbers",
            (14, 1.0, 0.0, 0, 0.0),
            (40, 1.0, 0.0, 0, 0.1),
            (40, 1.4, 0.0, 0, 0.0),
            (40, 1.0, 0.5, 10, 0.0),
            (40, 1.0, 0.5, 15, 0.0),
            (100, 1.0, 0.5, 30, 0.0),
        ),
        _false,
        {"flagged": Bound(high=0.001)},
        _PEERS,
        beyond=regimes(
            "words exponent stock phrase numbers",
            (20, 1.0, 0.1, 15, 0.0),
        ),
        batch_draws=25,
    ),
    Certificate(
        "scan-verbatim",
        "calibrant.contamination.matching.scan_batches",
        "An item that stands in a document word for word is found, in that document, whatever its "
        "case, its punctuation, its line ends, and the width and composition of its letters.",
        regimes(
            _COLUMNS,
            (13, 0.0, 0, "plain"),
            (40, 0.1, 0, "form"),
            (200, 0.0, 0, "form"),
        ),
        _recall,
        {"found": Bound(low=1.0), "placed": Bound(low=1.0)},
        _PEERS,
        batch_draws=25,
    ),
    Certificate(
        "scan-near",
        "calibrant.contamination.matching.scan_batches",
        "An item of at least 40 words of which one in twenty was replaced, left out or joined by "
        "another is found in at least 95 of 100 cases.",
        regimes(
            _COLUMNS,
            (40, 0.0, 1, "words"),
            (40, 0.0, 2, "words"),
            (100, 0.0, 5, "words"),
            (200, 0.1, 10, "words"),
        ),
        _recall,
        {"found": Bound(low=0.95), "placed": Bound(low=0.95)},
        _PEERS,
        beyond=regimes(
            _COLUMNS,
            (20, 0.0, 2, "words"),
            (40, 0.0, 4, "words"),
            (40, 0.0, 6, "words"),
            (100, 0.0, 10, "words"),
            (100, 0.0, 20, "words"),
        ),
        batch_draws=25,
    ),
    Certificate(
        "scan-numbers",
        "calibrant.contamination.matching.scan_batches",
        "An item of at least 60 words, one in twenty of which is a number, is found with all its "
        "numbers changed in at least 95 of 100 cases.",
        regimes(_COLUMNS, (60, 0.05, 0, "numbers"), (120, 0.05, 0, "numbers")),
        _recall,
        {"found": Bound(low=0.95), "placed": Bound(low=0.95)},
        _PEERS,
        beyond=regimes(_COLUMNS, (40, 0.1, 0, "numbers"), (100, 0.15, 0, "numbers")),
        batch_draws=25,
    ),
)

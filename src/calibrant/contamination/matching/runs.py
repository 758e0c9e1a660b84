"""Which stretches of items stand in a document? Hits in a row, of one item in its own order."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibrant.contamination.matching.hits import Hits
from calibrant.contamination.matching.index import Index

Ints = NDArray[np.int64]


class Runs(NamedTuple):
    """Stretches of items that stand word for word in documents.

    Attributes:
        text: shape (runs,), the document, as a number.
        item: which item.
        at: the word of the item at which the stretch begins, from 0.
        grams: how many n-grams of the index's width in a row it is.
        word: the word of the document at which it begins.
        first, last: the bytes of the document at which it begins and ends.
    """

    text: Ints
    item: Ints
    at: Ints
    grams: Ints
    word: Ints
    first: Ints
    last: Ints

    def select(self, which: NDArray[Any] | slice) -> Runs:
        """Some of them, by places, by a mask or by a slice."""
        return Runs(*(array[which] for array in self))


NO_RUNS = Runs(*(np.zeros(0, np.int64) for _ in Runs._fields))


def joined(parts: list[Runs]) -> Runs:
    """All runs of some; those that go on from one to another become one."""
    runs = Runs(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))
    order = np.lexsort((runs.word, runs.word - runs.at, runs.item, runs.text))
    runs = runs.select(order)
    if not len(order):
        return runs
    end = runs.word + runs.grams
    shift = runs.word - runs.at
    new = np.ones(len(order), bool)
    new[1:] = (
        (runs.text[1:] != runs.text[:-1])
        | (runs.item[1:] != runs.item[:-1])
        | (shift[1:] != shift[:-1])
    )
    # The furthest end so far among those of one document, item and shift.
    group = np.cumsum(new) * (int(end.max()) + 1)
    furthest = np.maximum.accumulate(end + group) - group
    same = ~new[1:] & (runs.word[1:] <= furthest[:-1])
    begins = np.flatnonzero(np.concatenate([[True], ~same]))
    stop = np.maximum.reduceat(end, begins)
    return Runs(
        runs.text[begins], runs.item[begins], runs.at[begins], stop - runs.word[begins],
        runs.word[begins], runs.first[begins], np.maximum.reduceat(runs.last, begins),
    )  # fmt: skip


def runs_of(index: Index, hits: Hits, before: Runs = NO_RUNS, known: int = 0) -> Runs:
    """The runs of hits, and of those before that they go on from.

    Boilerplate begins no run, as it would begin one in each of many items; it only lengthens
    those that stand beside it.

    Args:
        hits: in order.
        known: how many of them, the first, `before` was made of. They begin no run again: what
            was made of them may have been judged since.
    """
    telling = ~index.boilerplate[hits.gram]
    telling[:known] = False
    low = index.sorted_starts[hits.gram]
    many = np.where(telling, index.sorted_starts[hits.gram + 1] - low, 0)
    hit = np.repeat(np.arange(len(hits.gram)), many)
    within = np.arange(len(hit)) - np.repeat(np.cumsum(many) - many, many)
    word = index.sorted_words[low[hit] + within]
    item = np.searchsorted(index.starts, word, side="right") - 1
    seeds = Runs(
        hits.text[hit], item, word - index.starts[item], np.ones(len(hit), np.int64),
        hits.word[hit], hits.first[hit], hits.last[hit],
    )  # fmt: skip
    return joined([_lengthened(index, hits, joined([before, seeds]))])


def _lengthened(index: Index, hits: Hits, runs: Runs) -> Runs:
    """Runs with the boilerplate of their items before and after them."""
    if not index.boilerplate.any() or not len(runs.text) or not len(hits.text):
        return runs
    # The number of a hit by its document and word: hits are in that order.
    span = int(hits.word.max(initial=0)) + 2
    if len(runs.word):
        span = max(span, int((runs.word + runs.grams).max()) + 2)
    key = hits.text * span + hits.word
    start = index.starts[runs.item]
    at, grams = runs.at.copy(), runs.grams.copy()
    word, first, last = runs.word.copy(), runs.first.copy(), runs.last.copy()
    for forward in (True, False):
        live = np.arange(len(at))
        while len(live):
            own = start[live] + (at[live] + grams[live] if forward else at[live] - 1)
            there = word[live] + grams[live] if forward else word[live] - 1
            ok = (there >= 0) & (own >= start[live]) & (own < index.starts[runs.item[live] + 1])
            live, own, there = live[ok], own[ok], there[ok]
            sought = runs.text[live] * span + there
            where = np.minimum(np.searchsorted(key, sought), max(len(key) - 1, 0))
            ok = (key[where] == sought) & (hits.gram[where] == index.gram[own])
            live, where = live[ok], where[ok]
            grams[live] += 1
            if forward:
                last[live] = np.maximum(last[live], hits.last[where])
            else:
                at[live] -= 1
                word[live] -= 1
                first[live] = hits.first[where]
    return Runs(runs.text, runs.item, at, grams, word, first, last)

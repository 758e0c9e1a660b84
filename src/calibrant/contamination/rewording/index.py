"""Which items could a window of text be a rewording of? Retrieval by the information they share.

Every token weighs its inverse document frequency among the items, numbers `NUMBER_WEIGHT` times
that: a rewording changes words and keeps numbers, so that a number that is not there says more than
a word that is not there. The nth occurrence of a token in a text is a token of its own, so that
what two texts share is one sparse matrix product.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from calibrant.contamination.items import Item
from calibrant.contamination.rewording.words import NUMBER, Words, words
from calibrant.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Occurrence = tuple[str, int]

NUMBER_WEIGHT = 3.0
"""A rewording keeps about 19 of 20 numbers and about half of the words: what is missing speaks
ln 20 : ln 2, or some four times as loud, and what is there no less than a word."""
COMMON = 0.1
"""Share of items with a token above which it finds no candidates, as it would find them all."""
ROWS = 256
"""Windows a matrix product."""
WIDEST = 4000
"""Characters of the widest window."""


def occurrences(tokens: Iterable[str]) -> list[Occurrence]:
    """Tokens with how often each stood before: a multiset as a set."""
    seen: Counter[str] = Counter()
    out = []
    for token in tokens:
        out.append((token, seen[token]))
        seen[token] += 1
    return out


class Index:
    """Items, ready to be looked for.

    Attributes:
        items: all of them, in their order.
        words: of each item's question.
        totals: shape (items,), the information in each, in nats.
        width: characters of a window: twice the length that 95 % of the items do not exceed.
    """

    def __init__(self, items: Sequence[Item]) -> None:
        """Index the questions of items.

        Raises:
            InputError: if no item has a word.
        """
        self.items = tuple(items)
        self.words: tuple[Words, ...] = tuple(words(i.question) for i in self.items)
        if not any(w.tokens for w in self.words):
            raise InputError("items: no question has a word that could be looked for")
        many = len(self.items)
        self._df = Counter(t for w in self.words for t in set(w.tokens))
        self._weights = {t: self._weight(t, n, many) for t, n in self._df.items()}
        self._new = {kind: self._weight(kind, 1, many) for kind in ("", NUMBER)}
        self.totals: Floats = np.array([self.total(w.tokens) for w in self.words])
        lengths = [len(i.question) for i, w in zip(self.items, self.words, strict=True) if w.tokens]
        self.width = int(min(max(2 * np.quantile(lengths, 0.95), 160), WIDEST))
        self._places: dict[Occurrence, int] = {}
        rows, columns, values = [], [], []
        most = max(COMMON * many, 20)
        for row, found in enumerate(self.words):
            for token, time in occurrences(found.tokens):
                if self._df[token] > most:
                    continue
                place = self._places.setdefault((token, time), len(self._places))
                rows.append(row)
                columns.append(place)
                values.append(self._weights[token])
        shape = (max(len(self._places), 1), many)
        self._matrix = sp.csr_matrix((values, (columns, rows)), shape=shape)

    @staticmethod
    def _weight(token: str, items: int, many: int) -> float:
        # As if one more item had it in half: never 0, even where all items have a token.
        idf = float(np.log((many + 1) / (items + 0.5)))
        return idf * (NUMBER_WEIGHT if token.startswith(NUMBER) else 1.0)

    def weight(self, token: str) -> float:
        """Information of a token in nats; one that no item has weighs like one that one has."""
        found = self._weights.get(token)
        return self._new[NUMBER if token[0] == NUMBER else ""] if found is None else found

    def total(self, tokens: Iterable[str]) -> float:
        """Information of tokens in nats."""
        return sum(map(self.weight, tokens))

    def candidates(self, texts: Sequence[Sequence[str]], most: int, least: float) -> list[Ints]:
        """Of each text (its tokens) the items that share most with it, best first.

        Args:
            most: items a text.
            least: what they share, as a share of the item, or of what both have if the text is
                the shorter.
        """
        out: list[Ints] = []
        for first in range(0, len(texts), ROWS):
            out += self._some(texts[first : first + ROWS], most, least)
        return out

    def _some(self, texts: Sequence[Sequence[str]], most: int, least: float) -> list[Ints]:
        starts, columns = [0], []
        for tokens in texts:
            columns += [p for o in occurrences(tokens) if (p := self._places.get(o)) is not None]
            starts.append(len(columns))
        rows = sp.csr_matrix(
            (np.ones(len(columns)), np.array(columns, np.int64), np.array(starts, np.int64)),
            shape=(len(texts), self._matrix.shape[0]),
        )
        shared = (rows @ self._matrix).tocsr()
        out = []
        for i, tokens in enumerate(texts):
            low, high = shared.indptr[i], shared.indptr[i + 1]
            items = shared.indices[low:high].astype(np.int64)
            own = np.minimum(self.totals[items], self.total(tokens))
            # A long window may hold more than the item: that is no fault of the item's.
            share = 2 * shared.data[low:high] / (self.totals[items] + own)
            kept = np.flatnonzero(share >= least)
            if kept.size > most:
                kept = kept[np.argpartition(-share[kept], most - 1)[:most]] if not _ties(
                    share[kept], most) else kept  # fmt: skip
            order = np.lexsort((items[kept], -share[kept]))
            out.append(items[kept][order[:most]])
        return out


def _ties(share: Floats, most: int) -> bool:
    """Whether the place of the last that is kept is shared, so that a partition might choose."""
    edge = np.partition(-share, most - 1)[most - 1]
    return bool(np.count_nonzero(-share <= edge) > most)

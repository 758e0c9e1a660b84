"""How is a text cut into tokens? By byte pairs learnt from a corpus (Sennrich et al., 2016)."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import InputError

END = "<|end|>"
"""Stands before and after each document; token 0."""

_PIECE = re.compile(r" ?[A-Za-z]+| ?[0-9]| ?[^A-Za-z0-9\s]|\s")
Pair = tuple[int, int]


class Tokenizer:
    """Byte pairs within words: a digit is one token, and any text can be cut.

    Args:
        merges: pairs of tokens that are joined, in order; token 0 is `END`, tokens 1 to 256 are
            bytes, token 257 + i is the join of `merges[i]`.
    """

    def __init__(self, merges: Sequence[Pair]) -> None:
        self.merges = [(int(a), int(b)) for a, b in merges]
        self._rank = {pair: i for i, pair in enumerate(self.merges)}
        self.bytes = [b""] + [bytes([i]) for i in range(256)]
        for a, b in self.merges:
            if max(a, b) >= len(self.bytes) or min(a, b) < 1:
                raise InputError(f"tokenizer: merge {(a, b)} of tokens that are not there")
            self.bytes.append(self.bytes[a] + self.bytes[b])
        self._known: dict[str, list[int]] = {}

    def __len__(self) -> int:
        return len(self.bytes)

    def encode(self, text: str) -> list[int]:
        """Tokens of a text; lone surrogates become question marks."""
        found: list[int] = []
        for piece in _PIECE.findall(text):
            if piece not in self._known:
                if len(self._known) > 200_000:
                    self._known.clear()
                self._known[piece] = self._cut(piece)
            found += self._known[piece]
        return found

    def decode(self, tokens: Iterable[int]) -> str:
        """The text of tokens; `END` is nothing, bytes that are no UTF-8 are replaced."""
        return b"".join(self.bytes[t] for t in tokens).decode("utf-8", "replace")

    def _cut(self, piece: str) -> list[int]:
        parts = [b + 1 for b in piece.encode("utf-8", "replace")]
        while len(parts) > 1:
            best = min(pairwise(parts), key=lambda p: self._rank.get(p, 1 << 30))
            if best not in self._rank:
                break
            parts = _joined(parts, best, 257 + self._rank[best])
        return parts


def learn(texts: Iterable[str], size: int) -> Tokenizer:
    """Byte pairs of some texts, the most frequent first, until there are `size` tokens.

    Ties go to the pair that is first in order, so that equal texts give equal tokenizers.
    """
    counts = Counter(piece for text in texts for piece in _PIECE.findall(text))
    words = [[b + 1 for b in w.encode("utf-8", "replace")] for w in counts]
    times = list(counts.values())
    pairs: Counter[Pair] = Counter()
    where: defaultdict[Pair, set[int]] = defaultdict(set)
    for i, word in enumerate(words):
        for pair in pairwise(word):
            pairs[pair] += times[i]
            where[pair].add(i)
    merges: list[Pair] = []
    while len(merges) < size - 257:
        best = max(pairs, key=lambda p: (pairs[p], -p[0], -p[1]), default=None)
        if best is None or pairs[best] < 2:
            break
        new = 257 + len(merges)
        merges.append(best)
        for i in list(where[best]):
            for pair in pairwise(words[i]):
                pairs[pair] -= times[i]
            words[i] = _joined(words[i], best, new)
            for pair in pairwise(words[i]):
                pairs[pair] += times[i]
                where[pair].add(i)
        del pairs[best], where[best]
    return Tokenizer(merges)


def stream(tokenizer: Tokenizer, documents: Iterable[str]) -> NDArray[np.uint16]:
    """Documents as one array of tokens, `END` before each."""
    found: list[int] = []
    for document in documents:
        found.append(0)
        found += tokenizer.encode(document)
    return np.array(found, np.uint16)


def _joined(parts: list[int], pair: Pair, new: int) -> list[int]:
    made, i = [], 0
    while i < len(parts):
        if i + 1 < len(parts) and (parts[i], parts[i + 1]) == pair:
            made.append(new)
            i += 2
        else:
            made.append(parts[i])
            i += 1
    return made

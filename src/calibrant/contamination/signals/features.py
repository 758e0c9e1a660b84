"""What can be told from texts alone, without a subject? The blind baseline's features."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from calibrant._text import storable

Floats = NDArray[np.float64]

FEATURES: tuple[str, ...] = (
    "characters",
    "zlib bytes",
    "zlib ratio",
    "word length",
    "digits",
    "capitals",
)


def features(texts: Sequence[str]) -> dict[str, Floats]:
    """Features of texts that need no model, each of shape (texts,).

    Characters; bytes that zlib needs; these over the bytes of the text; mean length of words (by
    white space); shares of characters that are digits, and capital letters. 0 for an empty text.
    """
    rows = [_row(storable(text)) for text in texts]
    columns = np.array(rows, dtype=float).reshape(len(rows), len(FEATURES))
    return {name: columns[:, i].copy() for i, name in enumerate(FEATURES)}


def _row(text: str) -> tuple[float, ...]:
    data, size = text.encode(), max(len(text), 1)
    packed = len(zlib.compress(data))
    words = text.split()
    return (
        len(text), packed, packed / max(len(data), 1),
        sum(map(len, words)) / max(len(words), 1),
        sum(c.isdigit() for c in text) / size, sum(c.isupper() for c in text) / size,
    )  # fmt: skip


def ngrams(texts: Sequence[str], *, n: int = 3, most: int = 512) -> Floats:
    """Shares of the most frequent character n-grams in each text, shape (texts, ≤ most).

    The n-grams are chosen by how many texts they stand in, whatever the groups.
    """
    counted = [Counter(_grams(storable(text).lower(), n)) for text in texts]
    stand = Counter(gram for counts in counted for gram in counts)
    names = sorted(stand, key=lambda gram: (-stand[gram], gram))[:most]
    at = {gram: i for i, gram in enumerate(names)}
    out = np.zeros((len(counted), len(names)))
    for row, counts in zip(out, counted, strict=True):
        for gram, times in counts.items():
            if gram in at:
                row[at[gram]] = times
        row /= max(sum(counts.values()), 1)
    return out


def _grams(text: str, n: int) -> list[str]:
    return [text[i : i + n] for i in range(len(text) - n + 1)]

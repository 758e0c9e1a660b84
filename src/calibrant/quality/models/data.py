"""What is fitted? Scores as categories or successes, in blocks of subjects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

CELLS = 400_000
"""Cells of a block, which is made of floats: a few MB, so that it stays in the cache."""


@dataclass(frozen=True, eq=False)
class Data:
    """Answers of subjects to items that vary.

    Attributes:
        hits: shape (subjects, items), stored small: the category of each answer (0, 1, …), or how
            many of its trials succeeded, which need not be whole; 0 where there is none.
        trials: shape (subjects, items), how many trials each cell has, 0 for a missing one; None
            if each has one.
        categories: shape (items,), how many categories each item has.
    """

    hits: NDArray[Any]
    trials: NDArray[Any] | None
    categories: Ints

    @property
    def subjects(self) -> int:
        """How many there are."""
        return int(self.hits.shape[0])

    @property
    def items(self) -> int:
        """How many there are."""
        return int(self.hits.shape[1])

    @property
    def most(self) -> int:
        """The largest number of categories of an item."""
        return int(self.categories.max())

    def blocks(self, cells: int = CELLS) -> Iterator[slice]:
        """Runs of subjects, of about so many cells each."""
        size = max(8, cells // self.items)
        for start in range(0, self.subjects, size):
            yield slice(start, min(start + size, self.subjects))

    def block(self, rows: slice) -> tuple[Floats, Floats | None]:
        """Hits and trials of some subjects as floats; trials are None if each is 1."""
        trials = None if self.trials is None else self.trials[rows].astype(np.float64)
        return self.hits[rows].astype(np.float64), trials

    def ordered(self, order: Ints) -> Data:
        """With the subjects in another order."""
        trials = None if self.trials is None else self.trials[order]
        return Data(self.hits[order], trials, self.categories)

    def answered(self) -> Ints:
        """Shape (items,): how many subjects answered each item."""
        if self.trials is None:
            return np.full(self.items, self.subjects, np.int64)
        count = np.zeros(self.items, np.int64)
        for rows in self.blocks():
            count += np.count_nonzero(self.trials[rows], axis=0)
        return count

    def fullest(self) -> float:
        """The largest share of all trials that one subject has, 0–1."""
        if self.trials is None:
            return 1.0
        all_trials = float(self.trials.max(axis=0).sum())
        return float(self.trials.sum(axis=1, dtype=np.float64).max()) / max(all_trials, 1.0)


def provisional(data: Data) -> tuple[Floats, Floats, Floats]:
    """Rough abilities, how far each item follows them, and item-rest correlations.

    Three power iterations towards the first component of standardised scores: unlike the sum of
    scores it is not led astray by items that are the wrong way round.

    Returns:
        abilities of shape (subjects,) with mean 0 and sd 1, correlations of items with them, and
        corrected item-rest correlations with the sum of scores, both of shape (items,).
    """
    size, mean, square = _moments(data)
    sd = np.sqrt(np.maximum(square / size - mean**2, 1e-12))
    total = _sums(data, np.ones(data.items), mean, np.ones(data.items))
    rest = _item_rest(data, total, mean, sd, size)
    ability = _standard(_sums(data, np.ones(data.items), mean, sd))
    weight = np.zeros(data.items)
    for _ in range(3):
        weight = _against(data, ability, mean, sd)[0] / size
        ability = _standard(_sums(data, weight, mean, sd))
    if np.sum(weight < 0) > data.items / 2:
        ability, weight = -ability, -weight
    return ability, np.clip(_against(data, ability, mean, sd)[0] / size, -0.95, 0.95), rest


def _standard(x: Floats) -> Floats:
    spread = float(x.std())
    return (x - x.mean()) / spread if spread > 0 else np.zeros_like(x)


def _score(data: Data, rows: slice) -> tuple[Floats, Floats]:
    """Mean scores, and 1 where there is one."""
    hits, trials = data.block(rows)
    if trials is None:
        return hits, np.ones_like(hits)
    there = (trials > 0).astype(np.float64)
    return hits / np.maximum(trials, 1.0), there


def _moments(data: Data) -> tuple[Floats, Floats, Floats]:
    size, total, square = (np.zeros(data.items) for _ in range(3))
    for rows in data.blocks():
        y, there = _score(data, rows)
        size += there.sum(axis=0)
        total += y.sum(axis=0)
        square += np.einsum("ij,ij->j", y, y)
    size = np.maximum(size, 1.0)
    return size, total / size, square


def _sums(data: Data, weight: Floats, mean: Floats, sd: Floats) -> Floats:
    """Shape (subjects,): weighted means of standardised scores."""
    out = np.zeros(data.subjects)
    w = weight / sd
    for rows in data.blocks():
        y, there = _score(data, rows)
        out[rows] = (y @ w - there @ (w * mean)) / np.maximum(there.sum(axis=1), 1.0)
    return out


def _against(data: Data, x: Floats, mean: Floats, sd: Floats) -> tuple[Floats, Floats, Floats]:
    """Per item the sums of z x, x and x² over the subjects that answered it."""
    cross, first, second = (np.zeros(data.items) for _ in range(3))
    for rows in data.blocks():
        y, there = _score(data, rows)
        first += there.T @ x[rows]
        second += there.T @ x[rows] ** 2
        cross += y.T @ x[rows]
    return (cross - mean * first) / sd, first, second


def _item_rest(data: Data, total: Floats, mean: Floats, sd: Floats, size: Floats) -> Floats:
    """Correlation of each score with the mean of a subject's other scores, centred per item."""
    count = np.zeros(data.subjects)
    for rows in data.blocks():
        count[rows] = _score(data, rows)[1].sum(axis=1)
    # The rest is (n t − z) / (n − 1), with z the centred score itself.
    n = np.maximum(count, 2.0)
    scaled, own = total * count / (n - 1), 1.0 / (n - 1)
    zr, r, rr = (np.zeros(data.items) for _ in range(3))
    for rows in data.blocks():
        y, there = _score(data, rows)
        z = y - mean * there
        s, o = scaled[rows], own[rows]
        zz = z * z
        zr += z.T @ s - zz.T @ o
        r += there.T @ s - z.T @ o
        rr += there.T @ s**2 - 2 * z.T @ (s * o) + zz.T @ o**2
    spread = np.sqrt(np.maximum(rr / size - (r / size) ** 2, 0.0)) * sd
    out: Floats = np.divide(zr / size, spread, out=np.full(data.items, np.nan), where=spread > 1e-9)
    return out

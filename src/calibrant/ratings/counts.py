"""How often did whom beat whom? Count tables of comparisons: exact, small, and mergeable."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibrant.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEFT, RIGHT, TIE = 0, 1, 2
"""Outcome codes."""

BLOCK = 1 << 16
"""Rows counted at a time: what counting needs beyond its input stays this small."""

DENSE_CELLS = 1 << 25
"""Largest subjects × subjects × 3 that is counted in one dense array (256 MB)."""


@dataclass(frozen=True)
class Counts:
    """Comparisons summed by ordered pair: the sufficient statistic of every model of pairs.

    Attributes:
        names: subjects.
        left, right: shape (pairs,), indices into `names`, as shown; each pair at most once, sorted.
        outcomes: shape (pairs, 3), weight of comparisons that left won, right won, and ties.
    """

    names: tuple[str, ...]
    left: Ints
    right: Ints
    outcomes: Floats

    @property
    def total(self) -> float:
        """Comparisons, or their total weight."""
        return float(self.outcomes.sum())

    @property
    def wins(self) -> Floats:
        """Shape (subjects, 3): wins, losses and ties of each subject."""
        size = len(self.names)
        sums = [
            np.bincount(self.left, self.outcomes[:, a], size)
            + np.bincount(self.right, self.outcomes[:, b], size)
            for a, b in ((LEFT, RIGHT), (RIGHT, LEFT), (TIE, TIE))
        ]
        return np.stack(sums, axis=1)

    def __repr__(self) -> str:
        return (
            f"{self.total:,.0f} comparisons of {len(self.names)} subjects in "
            f"{self.left.size:,} ordered pairs, {self.outcomes[:, TIE].sum():,.0f} ties"
        )

    def unordered(self) -> Counts:
        """The same without regard to who stood left: every pair has left < right."""
        swap = self.left > self.right
        low, high = np.where(swap, self.right, self.left), np.where(swap, self.left, self.right)
        turned = np.where(swap[:, None], self.outcomes[:, [RIGHT, LEFT, TIE]], self.outcomes)
        return _summed(self.names, low, high, turned)

    def restrict(self, keep: Sequence[int] | Ints) -> Counts:
        """Comparisons among the subjects with these indices, in this order."""
        chosen = np.asarray(keep, dtype=np.int64)
        place = np.full(len(self.names), -1)
        place[chosen] = np.arange(chosen.size)
        rows = (place[self.left] >= 0) & (place[self.right] >= 0)
        names = tuple(self.names[i] for i in chosen)
        left, right = place[self.left[rows]], place[self.right[rows]]
        return _summed(names, left, right, self.outcomes[rows])

    def __add__(self, other: Counts) -> Counts:
        """Merge two tables: shards, windows; subjects are matched by name."""
        names = self.names + tuple(sorted(set(other.names) - set(self.names)))
        index = {name: i for i, name in enumerate(names)}
        place = np.array([index[n] for n in other.names], dtype=np.int64)
        return _summed(
            names,
            np.concatenate([self.left, place[other.left]]),
            np.concatenate([self.right, place[other.right]]),
            np.concatenate([self.outcomes, other.outcomes]),
        )

    def __sub__(self, other: Counts) -> Counts:
        """Take comparisons out again, as when a voter is forgotten; all subjects are kept.

        Raises:
            InputError: if that leaves less than nothing.
        """
        unknown = set(other.names) - set(self.names)
        if unknown:
            raise InputError(f"counts: {sorted(unknown)[0]!r} is not among the subjects")
        negative = Counts(other.names, other.left, other.right, -other.outcomes)
        rest = self + negative
        if rest.outcomes.size and float(rest.outcomes.min()) < -1e-9:
            at = int(np.unravel_index(rest.outcomes.argmin(), rest.outcomes.shape)[0])
            pair = rest.names[rest.left[at]], rest.names[rest.right[at]]
            raise InputError(
                f"counts: more is taken from {pair[0]!r} against {pair[1]!r} than is there"
            )
        there = rest.outcomes.sum(axis=1) > 0
        return Counts(rest.names, rest.left[there], rest.right[there], rest.outcomes[there])


Block = tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[np.float64] | None]
"""Left, right, outcome and weight (or None) of some consecutive rows."""


def count(
    left: ArrayLike,
    right: ArrayLike,
    outcome: ArrayLike,
    *,
    names: Sequence[str],
    weights: ArrayLike | None = None,
) -> Counts:
    """Count comparisons in one pass over the rows.

    Args:
        left, right: shape (n,), whole-number indices into `names`.
        outcome: shape (n,), 0 where left won, 1 where right won, 2 for a tie.
        names: the subjects.
        weights: shape (n,), above 0; by default each comparison counts once.

    Raises:
        InputError: naming the first row with an index out of range, a subject against itself, an
            unknown outcome, or a weight that is not finite and above 0; or lengths that differ.
    """
    a, b, o = (np.asarray(x) for x in (left, right, outcome))
    w = None if weights is None else np.asarray(weights, dtype=np.float64)
    if not a.shape == b.shape == o.shape or a.ndim != 1 or (w is not None and w.shape != a.shape):
        raise InputError(
            f"comparisons: wanted columns of one length, got {a.shape}, {b.shape}, {o.shape}"
        )

    def blocks() -> Iterator[Block]:
        for start in range(0, a.size, BLOCK):
            part = slice(start, start + BLOCK)
            yield a[part], b[part], o[part], None if w is None else w[part]

    return count_blocks(blocks(), names=names)


def count_blocks(blocks: Iterable[Block], *, names: Sequence[str]) -> Counts:
    """Count comparisons that come in blocks of rows, such as from files read piece by piece.

    Raises:
        InputError: as `count`; rows are numbered through all blocks.
    """
    size = len(names)
    dense = 3 * size * size <= DENSE_CELLS
    cells = np.zeros(3 * size * size) if dense else None
    found: list[tuple[Ints, Floats]] = []
    diagonal, start = np.arange(size), 0
    for a, b, o, w in blocks:
        code = _codes(a, b, o, names, start)
        each = None if w is None else _weights(w, start)
        if cells is not None:
            cells += np.bincount(code, each, cells.size)
            # A subject against itself is on the table's diagonal: look for the row only then.
            if cells.reshape(size, size, 3)[diagonal, diagonal].any():
                _refuse_itself(a, b, names, start)
        else:
            _refuse_itself(a, b, names, start)
            unique, at = np.unique(code, return_inverse=True)
            found.append((unique, np.bincount(at, each, unique.size).astype(np.float64)))
        start += a.size
    if cells is not None:
        table = cells.reshape(size * size, 3)
        pair = np.flatnonzero(table.any(axis=1))
        return Counts(tuple(names), pair // size, pair % size, table[pair])
    return _merge_codes(tuple(names), found)


def _codes(
    a: NDArray[Any], b: NDArray[Any], o: NDArray[Any], names: Sequence[str], start: int
) -> Ints:
    """One whole number for each row's pair and outcome."""
    size = len(names)
    for name, column, limit in (("left", a, size), ("right", b, size), ("outcome", o, 3)):
        if column.dtype.kind not in "iu":
            raise InputError(f"{name}: wanted whole numbers, got {column.dtype}")
        # Seen as unsigned, what is below 0 is very large: one look finds both.
        if column.size and int(column.view(f"u{column.dtype.itemsize}").max()) >= limit:
            at = int(np.flatnonzero((column < 0) | (column >= limit))[0])
            raise InputError(
                f"{name}: row {start + at}: wanted 0 to {limit - 1}, got {int(column[at])}"
            )
    kind = np.int32 if 3 * size * size < 1 << 31 else np.int64
    code = np.multiply(a, size, dtype=kind, casting="unsafe")
    np.add(code, b, out=code, casting="unsafe")
    code *= kind(3)
    np.add(code, o, out=code, casting="unsafe")
    codes: Ints = code
    return codes


def _refuse_itself(a: NDArray[Any], b: NDArray[Any], names: Sequence[str], start: int) -> None:
    same = a == b
    if same.any():
        at = int(same.argmax())
        who = repr(names[int(a[at])])[:80]
        raise InputError(f"comparisons: row {start + at}: {who} against itself")


def _weights(w: Floats, start: int) -> Floats:
    wrong = ~(np.isfinite(w) & (w > 0))
    if wrong.any():
        at = int(wrong.argmax())
        raise InputError(f"weights: row {start + at}: wanted finite and above 0, got {w[at]}")
    return w


def _merge_codes(names: tuple[str, ...], found: list[tuple[Ints, Floats]]) -> Counts:
    codes = np.concatenate([c for c, _ in found]) if found else np.zeros(0, np.int64)
    sums = np.concatenate([s for _, s in found]) if found else np.zeros(0)
    pair, outcome = np.divmod(codes, 3)
    spread = np.zeros((codes.size, 3))
    spread[np.arange(codes.size), outcome] = sums
    return _summed(names, pair // len(names), pair % len(names), spread)


def _summed(names: tuple[str, ...], left: Ints, right: Ints, outcomes: Floats) -> Counts:
    """Add up rows of the same ordered pair."""
    size = max(len(names), 1)
    pair, at = np.unique(left * size + right, return_inverse=True)
    sums = np.stack([np.bincount(at, outcomes[:, k], pair.size) for k in range(3)], axis=1)
    return Counts(names, pair // size, pair % size, sums.astype(np.float64))

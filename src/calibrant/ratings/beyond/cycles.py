"""Is there a cycle, or only noise? A test that respects ties and items, with replication.

Under the null hypothesis strengths explain every pair, and what is left over in one item says
nothing about another item. So the leftovers of whole items change sign at random: ties keep their
small variance, votes on one item stay together, and no model of either is needed. Leftovers are
first put right for the strengths having been fitted to them (as CR2, Bell and McCaffrey 2002).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from calibrant.errors import InputError
from calibrant.ratings.audit.data import Votes, clusters
from calibrant.ratings.beyond.hodge import MOST_SUBJECTS, laplacian, triangles
from calibrant.ratings.counts import LEFT, RIGHT, TIE, Counts
from calibrant.ratings.fit import fit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

GROUPS = 400
"""Items beyond so many are joined at random into so many groups, which are as independent."""

FEWEST_GROUPS = 8
"""Items below which signs have too few patterns for a test."""

REPLICATED = 0.5
"""Share of comparisons whose pair must occur on more than one item: else nothing can replicate."""


@dataclass(frozen=True)
class Cycle:
    """One triad in which each beats the next.

    Attributes:
        subjects: each is preferred to the next, and the last to the first.
        curl: log-odds around the triad, left over by strengths.
        p_value: adjusted for all triads.
        votes: on its three pairs.
    """

    subjects: tuple[str, str, str]
    curl: float
    p_value: float
    votes: int

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return self.__dict__ | {"subjects": list(self.subjects)}

    def __repr__(self) -> str:
        a, b, c = self.subjects
        return f"{a!r} beats {b!r} beats {c!r} beats {a!r} (p = {self.p_value:.3g})"


@dataclass(frozen=True)
class CycleTest:
    """Whether comparisons go beyond one ranking, and whether any cycle replicates.

    Attributes:
        energy: of the cyclic part of the flow. expected: under the null, by signs of items.
        p_value: that signs give as much energy.
        replication: mean correlation of the cyclic parts of two random halves of the items.
        cycles: triads with adjusted p ≤ alpha whose majorities go round in both halves.
        alpha: level. items: independent groups. rounds: sign patterns.
        ties: share of ties.
    """

    energy: float
    expected: float
    p_value: float
    replication: float
    cycles: tuple[Cycle, ...]
    alpha: float
    items: int
    rounds: int
    ties: float

    @property
    def intransitive(self) -> bool:
        """Whether one ranking is refuted: p ≤ alpha and halves of the items agree."""
        return self.p_value <= self.alpha and self.replication > 0

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return self.__dict__ | {
            "cycles": [c.to_dict() for c in self.cycles],
            "intransitive": self.intransitive,
        }

    def __repr__(self) -> str:
        if not self.intransitive:
            return f"Nothing beyond one ranking was shown (p = {self.p_value:.3g})"
        said = f"One number is not enough (p = {self.p_value:.3g})"
        if not self.cycles:
            return f"{said}, but no single cycle replicates"
        return f"{said}; a cycle replicates: {self.cycles[0]!r}"


def cycle_test(data: Votes, *, alpha: float = 0.05, rounds: int = 999, seed: int = 0) -> CycleTest:
    """Test whether comparisons are more than one ranking and noise.

    Args:
        data: comparisons; votes on one item stand or fall together. Without items, every
            comparison is taken as its own.
        alpha: level of the test, and of the named cycles together.
        rounds: sign patterns. seed: of signs, halves and groups.

    Raises:
        InputError: for fewer than three subjects, or too few items to test on.
        RatingError: if no rating exists.
    """
    if len(data.names) < 3:
        raise InputError(f"cycles: wanted at least 3 subjects, got {len(data.names)}")
    rng = np.random.default_rng(seed)
    group, size = clusters(data.item, data.size)
    if size > GROUPS:
        group, size = rng.permutation(np.arange(size) % GROUPS)[group], GROUPS
    if size < FEWEST_GROUPS:
        raise InputError(f"cycles: wanted at least {FEWEST_GROUPS} items, got {size}")
    share = _replicated(data, group)
    if share < REPLICATED:
        raise InputError(
            f"cycles: wanted pairs asked about on more than one item for at least "
            f"{REPLICATED:.0%} of comparisons, got {share:.0%}"
        )
    left = _Leftovers(data, group, size)
    signs = rng.choice([-1.0, 1.0], (rounds, size))
    energies = left.energies(signs)
    observed = float(left.total @ left.total)
    # Equal up to rounding counts against the claim.
    p = (1 + int((energies >= observed * (1 - 1e-9)).sum())) / (rounds + 1)
    replication = left.replication(rng, size)
    named: tuple[Cycle, ...] = ()
    if p <= alpha and replication > 0 and len(data.names) <= MOST_SUBJECTS:
        named = _named(left, data, group, signs, alpha, rng)
    return CycleTest(
        observed, float(energies.mean()), p, replication, named, alpha, size, rounds,
        float((data.outcome == TIE).mean()),
    )  # fmt: skip


def _replicated(data: Votes, group: Ints) -> float:
    """Share of comparisons whose pair occurs in more than one group of items."""
    k = len(data.names)
    pair = np.minimum(data.left, data.right) * k + np.maximum(data.left, data.right)
    cells = np.unique(pair * (int(group.max()) + 1) + group) // (int(group.max()) + 1)
    unique, groups = np.unique(cells, return_counts=True)
    return float(np.isin(pair, unique[groups > 1]).mean())


class _Leftovers:
    """What strengths leave over, by item and pair, in units where noise has variance 1."""

    def __init__(self, data: Votes, group: Ints, size: int) -> None:
        counts = data.counts()
        self.table: Counts = counts.unordered()
        s = fit(counts, "bt").strengths
        d = s[self.table.left] - s[self.table.right]
        spread = expit(d) * expit(-d)
        votes = self.table.outcomes.sum(axis=1)
        self.weight: Floats = votes * spread
        self.root: Floats = np.sqrt(self.weight)
        self.pull = np.linalg.pinv(laplacian(self.table, self.weight), hermitian=True)
        low, high = np.minimum(data.left, data.right), np.maximum(data.left, data.right)
        won = np.where(data.left < data.right, LEFT, RIGHT)
        y = np.where(data.outcome == TIE, 0.5, data.outcome == won)
        k, pairs = len(data.names), self.table.left.size
        pair = np.searchsorted(self.table.left * k + self.table.right, low * k + high)
        code, at = np.unique(group * pairs + pair, return_inverse=True)
        each: Floats = np.bincount(at, minlength=code.size) * spread[code % pairs]
        sums: Floats = np.bincount(at, y - expit(d)[pair], code.size).astype(np.float64)
        self.total: Floats = np.bincount(code % pairs, sums, pairs) / self.root
        self.raw = self._matrix(code, sums, size)
        cut = np.searchsorted(code // pairs, np.arange(size + 1))
        fixed = sums.copy()
        for begin, end in pairwise(cut):
            part = slice(begin, end)
            fixed[part] = self._put_right(code[part] % pairs, sums[part], each[part])
        self.matrix = self._matrix(code, fixed, size)

    def _matrix(self, code: Ints, sums: Floats, size: int) -> Any:
        from scipy.sparse import csr_array

        pairs = self.root.size
        at = code // pairs, code % pairs
        return csr_array((sums / self.root[at[1]], at), shape=(size, pairs))

    def _put_right(self, pair: Ints, sums: Floats, each: Floats) -> Floats:
        """Sums of one item times (I - H)^(-1/2), with H its block of the hat matrix."""
        a, b = self.table.left[pair], self.table.right[pair]
        root = np.sqrt(each)
        if pair.size <= self.pull.shape[0]:
            v = self.pull
            near = v[np.ix_(a, a)] - v[np.ix_(a, b)] - v[np.ix_(b, a)] + v[np.ix_(b, b)]
            values, vectors = np.linalg.eigh(root[:, None] * near * root)
        else:
            # More pairs than subjects: the same eigenvectors from the smaller side.
            values, inside = np.linalg.eigh(self.pull)
            half = inside * np.sqrt(np.maximum(values, 0))
            side = root[:, None] * (half[a] - half[b])
            vectors, sizes, _ = np.linalg.svd(side, full_matrices=False)
            values = sizes**2
        # A direction that this item alone decides has no leftover to put right.
        left = 1 - values
        factor = np.where(left > 1e-6, 1 / np.sqrt(np.maximum(left, 1e-6)), 1.0) - 1
        z = sums / root
        return np.asarray(root * (z + vectors @ (factor * (vectors.T @ z))))

    def project(self, x: Floats) -> Floats:
        """Rows of x, shape (n, pairs), less what strengths could explain."""
        k = self.pull.shape[0]
        scaled = x * self.root
        push = np.zeros((x.shape[0], k))
        for row, one in enumerate(scaled):
            push[row] = np.bincount(self.table.left, one, k) - np.bincount(self.table.right, one, k)
        s = push @ self.pull
        return np.asarray(x - (s[:, self.table.left] - s[:, self.table.right]) * self.root)

    def energies(self, signs: Floats) -> Floats:
        """Shape (rounds,): cyclic energy under each pattern of signs."""
        out = np.empty(signs.shape[0])
        for start in range(0, signs.shape[0], 100):
            part = slice(start, start + 100)
            out[part] = (self.project(signs[part] @ self.matrix) ** 2).sum(axis=1)
        return out

    def replication(self, rng: np.random.Generator, size: int, splits: int = 50) -> float:
        """Mean correlation of the cyclic parts of two halves of the items."""
        found = []
        for _ in range(splits):
            half = np.zeros((1, size))
            half[0, rng.permutation(size)[: size // 2]] = 1.0
            one, other = self.project(np.vstack([half, 1 - half]) @ self.raw)
            scale = float(np.linalg.norm(one) * np.linalg.norm(other))
            found.append(float(one @ other) / scale if scale > 0 else 0.0)
        return float(np.mean(found))


def _named(
    left: _Leftovers, data: Votes, group: Ints, signs: Floats, alpha: float,
    rng: np.random.Generator,
) -> tuple[Cycle, ...]:  # fmt: skip
    """Triads whose leftover is larger than the largest of all triads under signs."""
    corners = triangles(left.table)
    if not corners.size:
        return ()
    turn = np.array([1.0, 1.0, -1.0])
    scale = np.sqrt((1 / left.weight)[corners].sum(axis=1))
    lift = turn / left.root[corners]
    curl = (left.total[corners] * lift).sum(axis=1)
    largest = np.empty(signs.shape[0])
    for start in range(0, signs.shape[0], 50):
        flow = left.project(signs[start : start + 50] @ left.matrix)
        turned = sum(flow[:, corners[:, j]] * lift[:, j] for j in range(3))
        largest[start : start + 50] = np.abs(turned / scale).max(axis=1)
    p = (1 + (largest[:, None] >= np.abs(curl / scale)[None]).sum(axis=0)) / (signs.shape[0] + 1)
    half = rng.permutation(np.arange(signs.shape[1]) % 2)[group]
    ways = [_majorities(data.rows(half == h), left.table) for h in (0, 1)]
    found = []
    for t in np.flatnonzero(p <= alpha):
        way = np.sign(curl[t]) * turn
        if all((w[corners[t]] * way > 0).all() for w in ways):
            found.append(_cycle(left.table, corners[t], float(curl[t]), float(p[t])))
    return tuple(sorted(found, key=lambda c: (c.p_value, -abs(c.curl))))


def _majorities(part: Votes, table: Counts) -> Floats:
    """Shape (pairs,): net wins of the lower subject in each pair of `table`."""
    k = len(table.names)
    low, high = np.minimum(part.left, part.right), np.maximum(part.left, part.right)
    at = np.searchsorted(table.left * k + table.right, low * k + high)
    net = np.array([1.0, -1.0, 0.0])[part.outcome] * np.where(part.left < part.right, 1, -1)
    return np.asarray(np.bincount(at, net, table.left.size), dtype=np.float64)


def _cycle(table: Counts, corner: Ints, curl: float, p: float) -> Cycle:
    i, j, k = table.left[corner[0]], table.right[corner[0]], table.right[corner[1]]
    a, b, c = (table.names[x] for x in (i, j, k))
    votes = int(table.outcomes[corner].sum())
    return Cycle((a, b, c) if curl > 0 else (a, c, b), abs(curl), p, votes)

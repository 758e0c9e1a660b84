"""Which items should people label? Allocations, probabilities and the draw itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibrant.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MIX = 0.3
"""Share of uniform sampling in active probabilities, so that no weight gets out of hand."""

LEAST = 10
"""Fewest labels of a stratum (all of it, if it is smaller)."""


def neyman(
    n: int, sizes: Ints, spread: Floats, *, least: int = LEAST, already: Ints | None = None
) -> Ints:
    """Labels per stratum, proportional to size × spread (Neyman, JRSS 97 (1934) 558).

    Args:
        n: labels in all, those that are there included.
        sizes: shape (C,), items.
        spread: shape (C,), expected standard deviations of a label, above 0.
        least: fewest labels per stratum, as far as items and n go.
        already: shape (C,), labels that are there; no stratum gets fewer.

    Returns:
        shape (C,), whole numbers that add up to n (or to what is there, if that is more).

    Raises:
        InputError: for more labels than items.
    """
    if not 0 <= n <= int(sizes.sum()):
        raise InputError(f"labels: wanted 0–{int(sizes.sum())}, got {n}")
    least = min(least, n // max(sizes.size, 1))
    floor = np.minimum(sizes, least).astype(np.float64)
    if already is not None:
        floor = np.maximum(floor, already)
    if floor.sum() >= n:
        return floor.astype(np.int64)
    ideal = sizes * spread
    # One factor for all, found by halving: strata at their floor or their size stay there.
    low, high = 0.0, float((sizes / ideal).max())
    for _ in range(80):
        factor = (low + high) / 2
        low, high = (
            (factor, high) if np.clip(factor * ideal, floor, sizes).sum() < n else (low, factor)
        )
    share = np.clip(high * ideal, floor, sizes)
    whole = np.floor(share + 1e-6).astype(np.int64)
    room = np.where(whole < sizes, share - whole, -1.0)
    for c in np.argsort(-room, kind="stable")[: max(0, n - int(whole.sum()))]:
        whole[c] += 1
    return whole


def probabilities(n: float, doubt: Floats, *, mix: float = MIX) -> Floats:
    """Chances for active sampling: proportional to the expected error, mixed with uniform.

    mix × n/N + (1 - mix) × n × doubt/sum, at most 1; what the ones at 1 cannot take goes to the
    others (Zrnic and Candès, "Active statistical inference", ICML 2024, section 3).

    Args:
        n: expected labels, above 0, at most the items.
        doubt: shape (N,), expected absolute errors of the judge, above 0.

    Returns:
        shape (N,), in (0, 1], with sum n.
    """
    items = doubt.size
    if not 0 < n <= items:
        raise InputError(f"labels: wanted above 0 and at most {items}, got {n}")
    wish = mix / items + (1 - mix) * doubt / doubt.sum()
    p = np.minimum(n * wish, 1.0)
    for _ in range(100):
        free = p < 1
        left = n - float((~free).sum())
        if not free.any() or abs(float(p.sum()) - n) < 1e-9 * items:
            break
        p[free] = np.minimum(left * wish[free] / float(wish[free].sum()), 1.0)
    return np.asarray(p)


def main_chances(n: int, pilot: int, doubt: Floats) -> Floats:
    """Chances of the main phase with which n labels are expected in all; no pilot item again."""
    more = max(n - pilot, 1) / (1 - min(pilot / doubt.size, 0.99))
    return probabilities(min(more, doubt.size), doubt)


def draw_strata(stratum: Ints, labels: Ints, taken: Ints, rng: np.random.Generator) -> Ints:
    """Items at random within strata, so many more that each has `labels`, in random order."""
    free = np.ones(stratum.size, dtype=bool)
    free[taken] = False
    have = np.bincount(stratum[taken], minlength=labels.size)
    chosen = [
        rng.choice(np.flatnonzero(free & (stratum == c)), size=int(labels[c] - have[c]),
                   replace=False)
        for c in range(labels.size)
        if labels[c] > have[c]
    ]  # fmt: skip
    if not chosen:
        return np.array([], dtype=np.int64)
    return rng.permutation(np.concatenate(chosen)).astype(np.int64)


def draw_active(p: Floats, taken: Ints, rng: np.random.Generator) -> Ints:
    """Items chosen independently, each with its probability, in random order; none is taken."""
    hit = rng.random(p.size) < p
    hit[taken] = False
    return rng.permutation(np.flatnonzero(hit)).astype(np.int64)


def phase_weights(phase_one: int, phase_two: float, items: int, p: Floats) -> tuple[float, Floats]:
    """What labels of a uniform pilot and of an active main phase count for.

    Each phase estimates the total without bias given what came before it (the main phase knows
    the pilot's labels); the two are averaged in proportion to their labels. A pilot label then
    counts a × N/n₀ + (1 - a), a label of the main phase (1 - a)/p.

    Returns:
        The weight of a pilot label, and those of the main phase's probabilities `p`.
    """
    a = phase_one / (phase_one + phase_two)
    first = a * items / phase_one + (1 - a) if phase_one else 0.0
    return first, np.asarray((1 - a) / p)

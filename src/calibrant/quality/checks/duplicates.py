"""Is anything there twice? Items and subjects that agree more than two different ones would."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

AGREEMENT = 0.95
"""Share of agreement from which two items may be one."""
SAME_SUBJECT = 0.98
"""The same for subjects, which have more to agree on."""
PHI = 0.8
"""Correlation that two items must have besides: agreement alone is cheap where all are right."""
OVERLAP = 0.8
"""Share of common word triples (Jaccard) from which two texts are nearly the same."""
BLOCK = 1024
MOST = 2000


@dataclass(frozen=True)
class Twin:
    """Two items, or two subjects, that may be one.

    Attributes:
        first, second: positions.
        same: share of common scores that are the same (of graded scores: on the same side of the
            middle, and within 0.05).
        common: how many scores both have.
        p: of as few differences by chance among two different ones of their difficulty or ability,
            Bonferroni over all pairs; None for texts.
        identical: whether every score is the same.
        overlap: share of common word triples, for texts that are nearly the same; else None.
    """

    first: int
    second: int
    same: float
    common: int
    p: float | None
    identical: bool
    overlap: float | None = None


def twins(
    unit: Floats, probability: Floats, *, agreement: float, phi: float = 0.0, level: float = 0.05
) -> tuple[Twin, ...]:
    """Columns that agree beyond what their probabilities explain, the least likely first.

    Given what is expected of each, two different columns disagree in row s with probability
    p₁(1 − p₂) + p₂(1 − p₁), independently: the chance of as few disagreements is exact.

    Args:
        unit: shape (rows, columns), in 0–1, NaN where there is none; columns are compared.
        probability: the same shape, expected scores.
        agreement: least share of the same.
        phi: least correlation of the columns.
        level: family-wise over all pairs.
    """
    rows, columns = unit.shape
    seen = ~np.isnan(unit)
    side = np.where(seen, np.where(np.nan_to_num(unit) >= 0.5, 1.0, -1.0), 0.0)
    mask = seen.astype(np.float64)
    pairs = columns * (columns - 1) / 2
    found: list[tuple[float, Twin]] = []
    for start in range(0, columns, BLOCK):
        part = slice(start, min(start + BLOCK, columns))
        common = mask[:, part].T @ mask
        product = side[:, part].T @ side
        same = (common + product) / 2.0
        upper = np.arange(columns)[None, :] > np.arange(part.start, part.stop)[:, None]
        likely = upper & (common >= min(5, rows)) & (same >= agreement * common)
        if phi > 0.0:
            first, second = side[:, part].T @ mask, mask[:, part].T @ side
            spread = (common**2 - first**2) * (common**2 - second**2)
            likely &= common * product - first * second >= (phi - 0.1) * np.sqrt(
                np.maximum(spread, 1e-9)
            )
        for i, j in zip(*np.nonzero(likely), strict=True):
            twin = _twin(unit, seen, side, probability, int(i) + start, int(j), pairs, phi)
            if twin is not None and twin.p is not None and twin.p <= level:
                found.append((twin.p, twin))
    found.sort(key=lambda f: (f[0], f[1].first, f[1].second))
    return tuple(twin for _, twin in found[:MOST])


def _twin(
    unit: Floats, seen: NDArray[np.bool_], side: Floats, probability: Floats,
    i: int, j: int, pairs: float, phi: float,
) -> Twin | None:  # fmt: skip
    rows = np.flatnonzero(seen[:, i] & seen[:, j])
    x, y = unit[rows, i], unit[rows, j]
    differ = int((side[rows, i] != side[rows, j]).sum())
    if phi > 0.0 and (min(x.std(), y.std()) < 1e-9 or float(np.corrcoef(x, y)[0, 1]) < phi):
        return None
    if float(np.abs(x - y).mean()) > max(1.0 - AGREEMENT, differ / rows.size + 0.05):
        return None
    p, q = probability[rows, i], probability[rows, j]
    # A certain row would make any disagreement impossible; nothing is that certain.
    chance = np.clip(p + q - 2.0 * p * q, 0.002, 1.0)
    tail = few(chance, differ)
    identical = bool(np.all(x == y))
    return Twin(i, j, 1.0 - differ / rows.size, rows.size, min(tail * pairs, 1.0), identical)


def few(chance: Floats, most: int) -> float:
    """The chance of at most `most` events of independent ones with these chances, exact."""
    state = np.zeros(most + 1)
    state[0] = 1.0
    for c in chance:
        state[1:] = state[1:] * (1.0 - c) + state[:-1] * c
        state[0] *= 1.0 - c
    return float(min(state.sum(), 1.0))


def twin_texts(texts: Sequence[str | None], unit: Floats) -> tuple[Twin, ...]:
    """Items whose texts share most of their words, in order; the most alike first.

    Texts are compared by runs of three words (shorter ones by their words); runs that more than 50
    texts have are of a template, and count only among texts that share another run.
    """
    runs = [_runs(t) if t else frozenset() for t in texts]
    holders: dict[str, list[int]] = defaultdict(list)
    for j, run in enumerate(runs):
        for r in run:
            holders[r].append(j)
    candidates: set[tuple[int, int]] = set()
    for held in holders.values():
        if 2 <= len(held) <= 50:
            candidates.update((i, j) for k, i in enumerate(held) for j in held[k + 1 :])
    whole: dict[frozenset[str], list[int]] = defaultdict(list)
    for j, run in enumerate(runs):
        if run:
            whole[run].append(j)
    for held in whole.values():
        candidates.update((held[0], j) for j in held[1:])
    found = []
    for i, j in sorted(candidates):
        overlap = len(runs[i] & runs[j]) / len(runs[i] | runs[j])
        if overlap >= OVERLAP:
            both = ~np.isnan(unit[:, i]) & ~np.isnan(unit[:, j])
            equal = unit[both, i] == unit[both, j]
            same = float(equal.mean()) if equal.size else 0.0
            alike = bool(equal.size and equal.all())
            found.append(Twin(i, j, same, int(equal.size), None, alike, overlap))
    return tuple(sorted(found, key=lambda t: (-(t.overlap or 0.0), t.first, t.second))[:MOST])


def _runs(text: str) -> frozenset[str]:
    words = re.findall(r"\w+", text.lower())
    if len(words) < 3:
        return frozenset(words)
    return frozenset(" ".join(words[k : k + 3]) for k in range(len(words) - 2))
